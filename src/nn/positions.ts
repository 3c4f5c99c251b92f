import type { Scope } from '../tensor/device.js';
import { MeasuredRoom } from '../tensor/memory.js';
import type { Tensor } from '../tensor/tensor.js';

export interface SinusoidOptions {
  /** Positions 0 to `positions` - 1. */
  readonly positions: number;
  /** Even. */
  readonly width: number;
  /**
   * `interleaved`: sine and cosine of position * 10000^(-2i / width) side by side, as published (Vaswani et al. 2017, section 3.5);
   * `halves`: all sines, then all cosines, of position * 10000^(-i / (width / 2 - 1)), as in tensor2tensor, fairseq and Marian.
   */
  readonly layout: 'interleaved' | 'halves';
}

/** Positions that are not learnt: [positions, width]. */
export function sinusoids(scope: Scope, { positions, width, layout }: SinusoidOptions): Tensor {
  const table = scope.empty([positions, width]);
  if (scope.arena instanceof MeasuredRoom) return table;
  const values = table.f32;
  const half = width / 2;
  for (let pair = 0; pair < half; pair++) {
    const frequency = 10_000 ** -(layout === 'interleaved' ? pair / half : pair / Math.max(half - 1, 1));
    for (let position = 0; position < positions; position++) {
      const row = position * width;
      values[row + (layout === 'interleaved' ? 2 * pair : pair)] = Math.sin(position * frequency);
      values[row + (layout === 'interleaved' ? 2 * pair + 1 : half + pair)] = Math.cos(position * frequency);
    }
  }
  return table;
}
