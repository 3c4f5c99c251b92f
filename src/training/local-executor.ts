import type { IdPair } from '../data/batch.js';
import type { DecodingExecutor } from '../decoding/executor.js';
import { LocalDecodingExecutor } from '../decoding/local-executor.js';
import type { Model } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import { matrixIdentity } from '../tensor/matrix.js';
import { PlacedValues } from '../tensor/named-values.js';
import {
  type EvaluationResult,
  type Executor,
  type GivenValues,
  type LearntValues,
  type PlacedLearntValues,
  setValues,
  type UpdateResult,
  type UpdateSettings,
} from './executor.js';
import { alone } from './group.js';
import { Optimizer } from './optimizer.js';
import type { UpdateRule } from './optimizer-options.js';
import { Replica } from './replica.js';
import { updateCount, updateTogether } from './update.js';

/** Updates on one device, this thread's. */
export class LocalExecutor implements Executor {
  readonly placement: Executor['placement'];
  readonly #device: Device;
  readonly #model: Model;
  readonly #rule: UpdateRule;
  readonly #replica: Replica;
  readonly #optimizer: Optimizer;
  readonly #values: PlacedLearntValues;

  /** `model.parameters` must have been allocated. */
  constructor(device: Device, model: Model, rule: UpdateRule) {
    this.#device = device;
    this.#model = model;
    this.#rule = rule;
    // Before the replica, whose steps may take what is left.
    this.#optimizer = new Optimizer(rule.optimizer, model.parameters, device.memory);
    this.#replica = new Replica(device, model, rule);
    this.#values = { parameters: PlacedValues.of(model.parameters), optimizerState: this.#optimizer.placed };
    const { precision } = device.matrix;
    const gemm = matrixIdentity(device.matrix);
    this.placement = { strategy: 'data', devices: 1, gemm, precision, kernels: device.kernels.variant };
  }

  async collect(): Promise<LearntValues> {
    return this.#values;
  }

  distribute(values: GivenValues): Promise<void> {
    return setValues(this.#values, values);
  }

  async update(microBatches: readonly (readonly IdPair[])[], { update, learningRate }: UpdateSettings): Promise<UpdateResult> {
    const gradientScale = 1 / updateCount(microBatches, this.#rule.normalise);
    const participant = { group: alone, replica: this.#replica, optimizer: this.#optimizer, clip: this.#rule.clip };
    return updateTogether(participant, microBatches, { update, learningRate, gradientScale });
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
