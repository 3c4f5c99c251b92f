import type { IdPair } from '../data/batch.js';
import type { DecodingExecutor } from '../decoding/executor.js';
import { LocalDecodingExecutor } from '../decoding/local-executor.js';
import type { Model } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import { matrixIdentity } from '../tensor/matrix.js';
import type { Tensor } from '../tensor/tensor.js';
import type { EvaluationResult, Executor, UpdateResult, UpdateSettings } from './executor.js';
import { Optimizer } from './optimizer.js';
import type { UpdateRule } from './optimizer-options.js';
import { clippingFactor, Replica } from './replica.js';

const whole = { part: 0, parts: 1 };

/** Updates on one device, this thread's. */
export class LocalExecutor implements Executor {
  readonly placement: Executor['placement'];
  readonly #device: Device;
  readonly #model: Model;
  readonly #rule: UpdateRule;
  readonly #replica: Replica;
  readonly #optimizer: Optimizer;

  /** `model.parameters` must have been allocated. */
  constructor(device: Device, model: Model, rule: UpdateRule) {
    this.#device = device;
    this.#model = model;
    this.#rule = rule;
    this.#replica = new Replica(device, model, rule);
    this.#optimizer = new Optimizer(rule.optimizer, model.parameters, device.memory);
    const { precision } = device.matrix;
    const gemm = matrixIdentity(device.matrix);
    this.placement = { strategy: 'data', devices: 1, gemm, precision, kernels: device.kernels.variant };
  }

  get parameters(): ReadonlyMap<string, Tensor> {
    return new Map(Array.from(this.#replica.model.parameters, ({ name, value }) => [name, value]));
  }

  get optimizerState(): ReadonlyMap<string, Tensor> {
    return this.#optimizer.state;
  }

  async update(microBatches: readonly (readonly IdPair[])[], { update, learningRate }: UpdateSettings): Promise<UpdateResult> {
    const gradientScale = 1 / updateCount(microBatches, this.#rule.normalise);
    const total = { loss: 0, negativeLogLikelihood: 0, sentences: 0, sourceTokens: 0, targetTokens: 0 };
    for (const pairs of microBatches) {
      const shard = this.#replica.accumulate(pairs, { update, gradientScale });
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += shard[key];
    }
    const { gradients } = this.#replica;
    const gradientNorm = Math.sqrt(this.#replica.reduce([gradients], this.#optimizer, whole));
    const finite = Number.isFinite(gradientNorm) && Number.isFinite(total.loss);
    if (finite) {
      const factor = clippingFactor(gradientNorm, this.#rule.clip);
      this.#replica.apply(gradients, this.#optimizer, { update, learningRate, factor }, whole);
    }
    this.#replica.finish();
    return { ...total, gradientNorm, finite };
  }

  async evaluate(pairs: readonly IdPair[], logProbabilities?: Float64Array): Promise<EvaluationResult> {
    return this.#replica.evaluate(pairs, logProbabilities);
  }

  async decoding(): Promise<DecodingExecutor> {
    this.#replica.stepMemory.release();
    return LocalDecodingExecutor.of(this.#device, [this.#model]);
  }

  async dispose(): Promise<void> {
    this.#replica.dispose();
    this.#optimizer.dispose();
  }
}

/** What the loss of an update is divided by. Words are target tokens, `</s>` counted. */
export function updateCount(microBatches: readonly (readonly IdPair[])[], normalise: UpdateRule['normalise']): number {
  let count = 0;
  for (const pairs of microBatches) {
    for (const { target } of pairs) count += normalise === 'sentences' ? 1 : target.length + 1;
  }
  return count;
}
