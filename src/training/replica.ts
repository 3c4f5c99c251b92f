import { type IdPair, sizeOf } from '../data/batch.js';
import type { TrainableModel } from '../models/model.js';
import { Gradients } from '../nn/parameters.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { PackedWeights } from '../tensor/packed-weights.js';
import { Inference, Tape } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { TouchedRows } from '../tensor/touched-rows.js';
import type { EvaluationResult } from './executor.js';
import type { UpdateRule } from './optimizer-options.js';
import { StepMemory } from './step-memory.js';
import { trainingPass } from './walks.js';

/** What a shard of an update adds up to. */
export interface ShardResult extends EvaluationResult {
  readonly loss: number;
}

/** What all shards of an update have in common. */
export interface ShardSettings {
  readonly update: number;
  /** What each target token's loss counts: 1 / the update's sentences or tokens. */
  readonly gradientScale: number;
}

/**
 * One device's copy of the model: its gradients, and the arena of its steps. What becomes of the gradients is decided by
 * `updateTogether`.
 */
export class Replica {
  readonly device: Device;
  readonly model: TrainableModel;
  readonly gradients: Gradients;
  readonly stepMemory: StepMemory;
  readonly #rule: UpdateRule;
  readonly #arena: Arena;
  readonly #scope: Scope;
  /** Weights in bfloat16, converted once an update; undefined in f32, where they are multiplied as they are. */
  readonly #weights: PackedWeights | undefined;
  /** Numbers of the learnt values, in the order of `gradients`. */
  readonly #numbers: ReadonlyMap<unknown, number>;

  constructor(device: Device, model: TrainableModel, rule: UpdateRule) {
    const { matrix } = device;
    const weights = Array.from(model.parameters, ({ value }) => value);
    this.#weights = matrix.precision === 'bf16' ? new PackedWeights(matrix, weights) : undefined;
    this.device = this.#weights === undefined ? device : { ...device, matrix: this.#weights };
    this.model = model;
    this.#rule = rule;
    this.gradients = new Gradients(model.parameters, device.memory);
    this.#numbers = new Map(Array.from(this.gradients, (learnt, index) => [learnt, index]));
    this.#arena = new Arena(device.memory);
    this.#scope = new Scope(this.device, this.#arena);
    this.stepMemory = new StepMemory(this.#arena, model, rule);
  }

  /**
   * Forward and backward: adds to this device's gradients. `isFinal` is told the number of each learnt value when this shard adds no more
   * to its gradient, before the others are computed; of a shard without sentences it is told nothing.
   */
  accumulate(shard: readonly IdPair[], { update, gradientScale }: ShardSettings, isFinal?: (index: number) => void): ShardResult {
    const total = { ...nothing, loss: 0 };
    let remaining = shard.length;
    const tell = isFinal && ((learnt: unknown) => isFinal(this.#numbers.get(learnt) as number));
    for (const { pairs } of this.stepMemory.batches(shard)) {
      remaining -= pairs.length;
      const tape = new Tape(this.#scope, this.gradients);
      const { losses, logProbabilities } = this.model.loss(trainingPass(this.model, tape, this.#rule, update), pairs, {
        smoothing: this.#rule.labelSmoothing,
        gradientScale,
      });
      tape.backward(remaining === 0 ? tell : undefined);
      total.loss += sum(losses.f32);
      count(total, pairs, logProbabilities);
      this.#arena.reset();
    }
    return total;
  }

  /** Log-likelihood without dropout or gradients; `logProbabilities` receives each pair's, in the order given. */
  evaluate(shard: readonly IdPair[], logProbabilities?: Float64Array): EvaluationResult {
    const total = { ...nothing };
    for (const { pairs, positions } of this.stepMemory.batches(shard)) {
      const losses = this.model.loss({ runner: new Inference(this.#scope) }, pairs, { smoothing: 0, gradientScale: 0 });
      if (logProbabilities !== undefined) {
        for (const [index, values] of losses.byPair().entries()) logProbabilities[positions[index] as number] = sum(values);
      }
      count(total, pairs, losses.logProbabilities);
      this.#arena.reset();
    }
    // Between updates anyone may write the parameters.
    this.#weights?.forget();
    return total;
  }

  /** After every device has updated its share: the touched rows are used up. */
  finish(): void {
    for (const { gradient } of this.gradients) if (gradient instanceof TouchedRows) gradient.count = 0;
    this.#weights?.forget();
  }

  dispose(): void {
    this.gradients.dispose();
    this.#arena.dispose();
  }
}

const nothing = { negativeLogLikelihood: 0, sentences: 0, sourceTokens: 0, targetTokens: 0 } satisfies EvaluationResult;

function count(total: typeof nothing, pairs: readonly IdPair[], logProbabilities: Tensor): void {
  const { sentences, sourceTokens, targetTokens } = sizeOf(pairs);
  total.negativeLogLikelihood -= sum(logProbabilities.f32);
  total.sentences += sentences;
  total.sourceTokens += sourceTokens;
  total.targetTokens += targetTokens;
}

function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
