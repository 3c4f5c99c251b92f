import { sum } from './elementwise';
import { addArray, addMultiple } from './math';

export function gatherRows(y: usize, x: usize, indices: usize, rows: usize, columns: usize): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) memory.copy(y + row * bytes, x + load<u32>(indices + (row << 2)) * bytes, bytes);
}

export function sumOfRows(y: usize, a: usize, aIndices: usize, b: usize, bIndices: usize, rows: usize, columns: usize): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) {
    const first = a + <usize>load<u32>(aIndices + (row << 2)) * bytes;
    sum(y + row * bytes, first, b + <usize>load<u32>(bIndices + (row << 2)) * bytes, columns);
  }
}

export function scatterAddRows(y: usize, x: usize, indices: usize, rows: usize, columns: usize): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) addArray(y + load<u32>(indices + (row << 2)) * bytes, x + row * bytes, columns);
}

export function copyColumnsIn(y: usize, x: usize, rows: usize, columns: usize, width: usize, from: usize): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) memory.copy(y + ((row * width + from) << 2), x + row * bytes, bytes);
}

export function addColumnsOut(y: usize, x: usize, rows: usize, columns: usize, width: usize, from: usize): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) addArray(y + row * bytes, x + ((row * width + from) << 2), columns);
}

export function addToTouchedRows(
  table: usize,
  touched: usize,
  touchedCount: usize,
  slots: usize,
  ids: usize,
  x: usize,
  rows: usize,
  columns: usize,
): usize {
  const bytes = columns << 2;
  let count = touchedCount;
  for (let row: usize = 0; row < rows; row++) {
    const id = load<u32>(ids + (row << 2));
    const slotAddress = slots + (<usize>id << 2);
    const slot = load<i32>(slotAddress);
    if (slot < 0) {
      store<i32>(slotAddress, <i32>count);
      store<u32>(touched + (count << 2), id);
      memory.copy(table + count * bytes, x + row * bytes, bytes);
      count++;
    } else {
      addArray(table + <usize>slot * bytes, x + row * bytes, columns);
    }
  }
  return count;
}

export function scaledSumOfRows(
  y: usize,
  a: usize,
  aIndices: usize,
  factor: f64,
  b: usize,
  bIndices: usize,
  rows: usize,
  columns: usize,
): void {
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) {
    memory.copy(y + row * bytes, b + <usize>load<u32>(bIndices + (row << 2)) * bytes, bytes);
    addMultiple(y + row * bytes, a + <usize>load<u32>(aIndices + (row << 2)) * bytes, <f32>factor, columns);
  }
}
