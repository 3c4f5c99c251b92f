import { type VectorSet, vectorSets } from './vector-assembler.js';

/** How operands are copied before they are multiplied. */
export interface ProductSizes {
  /** Of C, what is summed in registers at once: all of these but two vectors of B and two values of A. */
  readonly tileRows: number;
  readonly panelColumns: number;
  readonly vectorFloats: number;
  /** The longest sum before C is read and written again. */
  readonly blockLength: number;
  /** Bytes from one row of A to the next where it is copied: no power of two, or rows would compete for a few sets of the cache. */
  readonly rowPitch: number;
  /** Bytes from one column to the next where tiles of columns are copied: each is written as a vector, whose end the next one covers. */
  readonly columnPitch: number;
  /** Bytes from one such tile to the next. */
  readonly tilePitch: number;
}

export function productSizes(vectors: VectorSet): ProductSizes {
  const { floats, registers } = vectorSets[vectors];
  const tileRows = (registers - 4) / 2;
  const blockLength = 512;
  const columnPitch = 4 * tileRows;
  return {
    tileRows,
    panelColumns: 2 * floats,
    vectorFloats: floats,
    blockLength,
    rowPitch: 4 * (blockLength + 16),
    columnPitch,
    tilePitch: columnPitch * blockLength + 64,
  };
}

/** Bytes. */
export const cacheLine = 64;
