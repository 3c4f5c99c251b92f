import type { Scope } from '../../tensor/device.js';
import { logSoftmax } from '../../tensor/operations/search.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { SamplingOptions } from '../sampling-options.js';
import { coldest } from './processors.js';

/** What follows a row, with the temperature and the repetition penalty of the options. */
export interface RowDistribution {
  readonly logProbabilities: Float32Array;
  readonly probabilities: Float32Array;
}

/** Computes the distribution of one row after the other in the same place: what a row holds ends with the next. */
export class RowDistributions {
  readonly #scope: Scope;
  readonly #logits: Tensor;
  readonly #options: SamplingOptions;
  readonly #changed: Tensor;
  readonly #probabilities: Tensor;

  /** logits [rows, vocabulary] stay as they are. */
  constructor(scope: Scope, logits: Tensor, options: SamplingOptions) {
    const vocabulary = logits.dimension(1);
    this.#scope = scope;
    this.#logits = logits;
    this.#options = options;
    this.#changed = scope.zeros([1, vocabulary]);
    this.#probabilities = scope.empty([1, vocabulary]);
  }

  /** `ids` reads the tokens of the row so far. */
  of(row: number, ids: () => Int32Array): RowDistribution {
    const { repetitionPenalty, temperature } = this.#options;
    const [changed, probabilities] = [this.#changed, this.#probabilities];
    const { kernels } = this.#scope.device;
    kernels.fill(changed.offset, 0, changed.size);
    const factor = temperature < coldest ? 1 : 1 / temperature;
    kernels.addMultiple(changed.offset, this.#logits.offset + 4 * row * changed.size, factor, changed.size);
    if (repetitionPenalty !== 1) penalise(changed.f32, new Set(ids()), repetitionPenalty);
    logSoftmax(this.#scope, changed, undefined);
    kernels.exp(probabilities.offset, changed.offset, changed.size);
    return { logProbabilities: changed.f32, probabilities: probabilities.f32 };
  }
}

function penalise(logits: Float32Array, ids: Iterable<number>, penalty: number): void {
  for (const id of ids) {
    const logit = logits[id] as number;
    logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}
