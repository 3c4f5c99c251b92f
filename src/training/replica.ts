import { type IdPair, sizeOf } from '../data/batch.js';
import type { TrainableModel } from '../models/model.js';
import { Gradients, type LearntParameter } from '../nn/parameters.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { PackedWeights } from '../tensor/packed-weights.js';
import { Inference, Tape } from '../tensor/tape.js';
import type { Tensor } from '../tensor/tensor.js';
import { TouchedRows } from '../tensor/touched-rows.js';
import type { EvaluationResult } from './executor.js';
import { partsToSum } from './exchange.js';
import type { Optimizer, Share, Step } from './optimizer.js';
import type { UpdateRule } from './optimizer-options.js';
import { StepMemory } from './step-memory.js';

/** What a shard of an update adds up to. */
export interface ShardResult extends EvaluationResult {
  readonly loss: number;
}

/** What all shards of an update have in common. */
export interface ShardSettings {
  readonly update: number;
  /** What each target token's loss counts: 1 / the update's sentences or words. */
  readonly gradientScale: number;
}

/**
 * One device's part in training: its gradients, and the arena of its steps. An update is three phases, with all devices
 * meeting between them: accumulate (own shard), reduce (own share of all gradients), apply (own share of the update).
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

  constructor(device: Device, model: TrainableModel, rule: UpdateRule) {
    const { matrix } = device;
    const weights = Array.from(model.parameters, ({ value }) => value);
    this.#weights = matrix.precision === 'bf16' ? new PackedWeights(matrix, weights) : undefined;
    this.device = this.#weights === undefined ? device : { ...device, matrix: this.#weights };
    this.model = model;
    this.#rule = rule;
    this.gradients = new Gradients(model.parameters, device.memory);
    this.#arena = new Arena(device.memory);
    this.#scope = new Scope(this.device, this.#arena);
    this.stepMemory = new StepMemory(this.#arena, model);
  }

  /** Forward and backward: adds to this device's gradients. */
  accumulate(shard: readonly IdPair[], { update, gradientScale }: ShardSettings): ShardResult {
    const total = { ...nothing, loss: 0 };
    const dropout = this.model.dropout > 0 ? { rate: this.model.dropout, seed: this.#rule.seed, step: update } : undefined;
    for (const { pairs } of this.stepMemory.batches(shard)) {
      const tape = new Tape(this.#scope, this.gradients);
      const { losses, logProbabilities } = this.model.loss({ runner: tape, dropout }, pairs, {
        smoothing: this.#rule.labelSmoothing,
        gradientScale,
      });
      tape.backward();
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

  /**
   * Adds the gradients of all replicas into those of the first, in their order, for this device's share; returns the sum
   * of squares of that share.
   */
  reduce(replicas: readonly Gradients[], optimizer: Optimizer, share: Share): number {
    const { kernels } = this.device;
    const [first = [], ...others] = replicas.map((gradients) => [...gradients]);
    let squares = 0;
    for (const part of partsToSum(
      first.map(({ parameter }) => parameter),
      share,
    )) {
      const learnt = first[part.index] as LearntParameter;
      const addends = others.map((other) => other[part.index]?.gradient);
      const { gradient } = learnt;
      if (gradient instanceof TouchedRows) {
        for (const rows of addends) if (rows instanceof TouchedRows) addRows(this.device, gradient, rows);
        squares += kernels.sumOfSquares(gradient.table.offset, gradient.table.size);
        optimizer.unpack(kernels, learnt);
      } else if (part.kind === 'values') {
        const [offset, count] = [part.start * 4, part.end - part.start];
        let ofParameter: number | undefined;
        for (const addend of addends) {
          if (addend === undefined || addend instanceof TouchedRows) continue;
          ofParameter = kernels.moveGradient(gradient.offset + offset, addend.offset + offset, count);
        }
        squares += ofParameter ?? kernels.sumOfSquares(gradient.offset + offset, count);
      }
    }
    return squares;
  }

  /** Updates this device's share of every parameter from the first replica's gradients, which are left 0. */
  apply(first: Gradients, optimizer: Optimizer, step: Step, share: Share): void {
    for (const learnt of first) optimizer.update(this.device.kernels, learnt, step, share);
  }

  /** After every device has applied its share: the touched rows are used up. */
  finish(): void {
    for (const { gradient } of this.gradients) if (gradient instanceof TouchedRows) gradient.count = 0;
    this.#weights?.forget();
  }

  dispose(): void {
    this.gradients.dispose();
    this.#arena.dispose();
  }
}

/** What clipping multiplies the gradient by: max / norm where the norm is greater (Pascanu et al. 2013, algorithm 1). */
export function clippingFactor(norm: number, clip: UpdateRule['clip']): number {
  return clip.kind === 'norm' && norm > clip.max ? clip.max / norm : 1;
}

function addRows({ kernels }: Device, sum: TouchedRows, addend: TouchedRows): void {
  const room = sum.reserve(addend.count);
  const { touched, table, count, columns } = addend;
  sum.count = kernels.addToTouchedRows(room.table, room.touched, sum.count, sum.slots.offset, touched.offset, table.offset, count, columns);
  addend.clear();
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
