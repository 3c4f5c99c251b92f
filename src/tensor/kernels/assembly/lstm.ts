import {
  loadPartial,
  madd,
  minusLog2OfE,
  one,
  quick1,
  quick2,
  quick3,
  quick4,
  quick5,
  quickExponentialOf,
  quickGreatest,
  quickLeast,
  rounder,
  sigmoid,
  storePartial,
  tanhOfArray,
  tanhOfBiased,
  zero,
} from './math';

// One pass a function over a row that stays in the first-level cache: a loop that computes all gates at once runs out of
// registers and waits for the longest chain of dependent instructions.

function addBiasThenSigmoid(x: usize, bias: usize, count: usize): void {
  const bytes = count << 2;
  const whole = bytes & ~15;
  const greatest = quickGreatest;
  const least = quickLeast;
  const scale = minusLog2OfE;
  const magic = rounder;
  const c1 = quick1;
  const c2 = quick2;
  const c3 = quick3;
  const c4 = quick4;
  const c5 = quick5;
  const c0 = one;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const biased = f32x4.pmin(f32x4.add(v128.load(x + at), v128.load(bias + at)), greatest);
    const power = quickExponentialOf(biased, least, scale, magic, c1, c2, c3, c4, c5, c0);
    v128.store(x + at, f32x4.div(c0, f32x4.add(c0, power)));
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(x + at, sigmoid(f32x4.add(loadPartial(x + at, lanes), loadPartial(bias + at, lanes))), lanes);
  }
}

// @ts-ignore: decorator
@inline
function read(address: usize, lanes: usize): v128 {
  return lanes == 4 ? v128.load(address) : loadPartial(address, lanes);
}

// @ts-ignore: decorator
@inline
function readOptional(array: usize, at: usize, lanes: usize): v128 {
  return array == 0 ? zero() : read(array + at, lanes);
}

// @ts-ignore: decorator
@inline
function write(address: usize, value: v128, lanes: usize): void {
  if (lanes == 4) v128.store(address, value);
  else storePartial(address, value, lanes);
}

/** cell = forget cellPrevious + input candidate */
function updateCell(cell: usize, gates: usize, cellPrevious: usize, gateBytes: usize): void {
  const whole = gateBytes & ~15;
  const forget = gates + gateBytes;
  const candidate = forget + gateBytes;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    const added = f32x4.mul(v128.load(gates + at), v128.load(candidate + at));
    v128.store(cell + at, madd(v128.load(forget + at), readOptional(cellPrevious, at, 4), added));
  }
  if (at < gateBytes) {
    const lanes = (gateBytes - at) >> 2;
    const added = f32x4.mul(loadPartial(gates + at, lanes), loadPartial(candidate + at, lanes));
    storePartial(cell + at, madd(loadPartial(forget + at, lanes), readOptional(cellPrevious, at, lanes), added), lanes);
  }
}

/** y = a b */
function multiplyArrays(y: usize, a: usize, b: usize, bytes: usize): void {
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) v128.store(y + at, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    storePartial(y + at, f32x4.mul(loadPartial(a + at, lanes), loadPartial(b + at, lanes)), lanes);
  }
}

export function lstmForward(
  gates: usize,
  bias: usize,
  cellPrevious: usize,
  cell: usize,
  tanhCell: usize,
  hidden: usize,
  rows: usize,
  hiddenSize: usize,
): void {
  const bytes = hiddenSize << 2;
  for (let row: usize = 0; row < rows; row++) {
    const rowGates = gates + row * 4 * bytes;
    const candidate = rowGates + 2 * bytes;
    const offset = row * bytes;
    const squashed = (tanhCell == 0 ? hidden : tanhCell) + offset;
    addBiasThenSigmoid(rowGates, bias, 2 * hiddenSize);
    tanhOfBiased(candidate, candidate, bias + 2 * bytes, hiddenSize);
    addBiasThenSigmoid(rowGates + 3 * bytes, bias + 3 * bytes, hiddenSize);
    updateCell(cell + offset, rowGates, cellPrevious == 0 ? 0 : cellPrevious + offset, bytes);
    tanhOfArray(squashed, cell + offset, hiddenSize);
    multiplyArrays(hidden + offset, rowGates + 3 * bytes, squashed, bytes);
  }
}

/** Stores the gradient of a gate's pre-activation, and adds it to that of its bias. */
// @ts-ignore: decorator
@inline
function writeGate(address: usize, biasGradient: usize, value: v128, lanes: usize, withBias: bool): void {
  write(address, value, lanes);
  if (withBias) write(biasGradient, f32x4.add(read(biasGradient, lanes), value), lanes);
}

// @ts-ignore: decorator
@inline
function cellBackward(
  gates: usize,
  gateBytes: usize,
  cellPrevious: usize,
  tanhCell: usize,
  outputGradient: usize,
  hiddenGradient: usize,
  cellGradient: usize,
  biasGradient: usize,
  at: usize,
  lanes: usize,
  withBias: bool,
): void {
  const one = f32x4.splat(1);
  const inputAddress = gates + at;
  const forgetAddress = inputAddress + gateBytes;
  const candidateAddress = forgetAddress + gateBytes;
  const outputAddress = candidateAddress + gateBytes;
  const inputBias = biasGradient + at;
  const forgetBias = inputBias + gateBytes;
  const candidateBias = forgetBias + gateBytes;
  const outputBias = candidateBias + gateBytes;
  const dh = f32x4.add(readOptional(outputGradient, at, lanes), readOptional(hiddenGradient, at, lanes));
  const squashed = read(tanhCell + at, lanes);
  const outputGate = read(outputAddress, lanes);
  const dhOutput = f32x4.mul(dh, outputGate);
  const dc = madd(dhOutput, f32x4.sub(one, f32x4.mul(squashed, squashed)), read(cellGradient + at, lanes));
  writeGate(outputAddress, outputBias, f32x4.mul(f32x4.mul(dhOutput, squashed), f32x4.sub(one, outputGate)), lanes, withBias);
  const inputGate = read(inputAddress, lanes);
  const candidate = read(candidateAddress, lanes);
  const dcInput = f32x4.mul(dc, inputGate);
  writeGate(inputAddress, inputBias, f32x4.mul(f32x4.mul(dcInput, candidate), f32x4.sub(one, inputGate)), lanes, withBias);
  writeGate(candidateAddress, candidateBias, f32x4.mul(dcInput, f32x4.sub(one, f32x4.mul(candidate, candidate))), lanes, withBias);
  const forgetGate = read(forgetAddress, lanes);
  const dcForget = f32x4.mul(dc, forgetGate);
  const previous = readOptional(cellPrevious, at, lanes);
  writeGate(forgetAddress, forgetBias, f32x4.mul(f32x4.mul(dcForget, previous), f32x4.sub(one, forgetGate)), lanes, withBias);
  write(cellGradient + at, dcForget, lanes);
}

// @ts-ignore: decorator
@inline
function rowBackward(
  gates: usize,
  bytes: usize,
  cellPrevious: usize,
  tanhCell: usize,
  outputGradient: usize,
  hiddenGradient: usize,
  cellGradient: usize,
  biasGradient: usize,
  withBias: bool,
): void {
  const whole = bytes & ~15;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    cellBackward(gates, bytes, cellPrevious, tanhCell, outputGradient, hiddenGradient, cellGradient, biasGradient, at, 4, withBias);
  }
  if (at < bytes) {
    const lanes = (bytes - at) >> 2;
    cellBackward(gates, bytes, cellPrevious, tanhCell, outputGradient, hiddenGradient, cellGradient, biasGradient, at, lanes, withBias);
  }
}

export function lstmBackward(
  gates: usize,
  cellPrevious: usize,
  tanhCell: usize,
  outputGradient: usize,
  hiddenGradient: usize,
  cellGradient: usize,
  biasGradient: usize,
  rows: usize,
  hiddenSize: usize,
): void {
  const bytes = hiddenSize << 2;
  for (let row: usize = 0; row < rows; row++) {
    const offset = row * bytes;
    const rowGates = gates + 4 * offset;
    const rowPrevious = cellPrevious == 0 ? 0 : cellPrevious + offset;
    const rowOutput = outputGradient == 0 ? 0 : outputGradient + offset;
    const rowHidden = hiddenGradient == 0 ? 0 : hiddenGradient + offset;
    if (biasGradient == 0) rowBackward(rowGates, bytes, rowPrevious, tanhCell + offset, rowOutput, rowHidden, cellGradient + offset, 0, false);
    else rowBackward(rowGates, bytes, rowPrevious, tanhCell + offset, rowOutput, rowHidden, cellGradient + offset, biasGradient, true);
  }
}
