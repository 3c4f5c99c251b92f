import { addArray } from './math';

/** Turns the pairs of a head's row: (a, b) to (a cos - b sin, a sin + b cos), back where `back`. y may be x, but for `adds`. */
// @ts-ignore: decorator
@inline
function turnHead(y: usize, x: usize, turn: usize, size: usize, firstStep: usize, second: usize, back: bool, adds: bool): void {
  const half = size >> 1;
  for (let pair: usize = 0; pair < half; pair++) {
    const cosine = load<f32>(turn + (pair << 2));
    const sine = load<f32>(turn + ((half + pair) << 2));
    const signed = back ? -sine : sine;
    const at = pair * firstStep;
    const a = load<f32>(x + at);
    const b = load<f32>(x + at + second);
    const left = a * cosine - b * signed;
    const right = a * signed + b * cosine;
    store<f32>(y + at, adds ? load<f32>(y + at) + left : left);
    store<f32>(y + at + second, adds ? load<f32>(y + at + second) + right : right);
  }
}

/** Halves, four pairs at a time. */
// @ts-ignore: decorator
@inline
function turnHalves(y: usize, x: usize, turn: usize, size: usize, back: bool, adds: bool): void {
  const halfBytes = size << 1;
  for (let at: usize = 0; at < halfBytes; at += 16) {
    const cosine = v128.load(turn + at);
    const sine = v128.load(turn + halfBytes + at);
    const a = v128.load(x + at);
    const b = v128.load(x + halfBytes + at);
    const aSine = f32x4.mul(a, sine);
    const bSine = f32x4.mul(b, sine);
    const aCosine = f32x4.mul(a, cosine);
    const bCosine = f32x4.mul(b, cosine);
    let left = back ? f32x4.add(aCosine, bSine) : f32x4.sub(aCosine, bSine);
    let right = back ? f32x4.sub(bCosine, aSine) : f32x4.add(bCosine, aSine);
    if (adds) {
      left = f32x4.add(left, v128.load(y + at));
      right = f32x4.add(right, v128.load(y + halfBytes + at));
    }
    v128.store(y + at, left);
    v128.store(y + halfBytes + at, right);
  }
}

export function rotate(
  y: usize,
  x: usize,
  turns: usize,
  positions: usize,
  rows: usize,
  columns: usize,
  heads: usize,
  size: usize,
  adjacent: bool,
  back: bool,
  adds: bool,
): void {
  const rotated = (heads * size) << 2;
  const bytes = columns << 2;
  for (let row: usize = 0; row < rows; row++) {
    const turn = turns + ((<usize>load<u32>(positions + (row << 2)) * size) << 2);
    const from = x + row * bytes;
    const to = y + row * bytes;
    for (let head: usize = 0; head < rotated; head += size << 2) {
      if (adjacent) turnHead(to + head, from + head, turn, size, 8, 4, back, adds);
      else if ((size & 7) == 0) turnHalves(to + head, from + head, turn, size, back, adds);
      else turnHead(to + head, from + head, turn, size, 4, size << 1, back, adds);
    }
    if (adds) addArray(to + rotated, from + rotated, columns - heads * size);
    else memory.copy(to + rotated, from + rotated, bytes - rotated);
  }
}
