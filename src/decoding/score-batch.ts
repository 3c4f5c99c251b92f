import type { IdPair } from '../data/batch.js';
import type { TrainableModel } from '../models/model.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { Inference } from '../tensor/tape.js';

/** How likely a model finds a target sentence, given its source sentence. */
export interface TargetScore {
  /** Log-probability of each target token given those before, in nats, that of `</s>` last where the target ends. */
  readonly tokenLogProbabilities: Float32Array;
  /** Their sum. */
  readonly logProbability: number;
}

/** As in training; what shares a source need not share a key. */
export type ScoringPair = Omit<IdPair, 'key'>;

/** The log-probability of every pair of a batch, in their order. */
export function scoreBatch(model: TrainableModel, device: Device, pairs: readonly ScoringPair[]): TargetScore[] {
  const arena = new Arena(device.memory);
  try {
    // Hypotheses of one source share its key.
    const keys = new Map<string, number>();
    const keyed = pairs.map((pair) => {
      const source = Array.prototype.join.call(pair.source);
      const key = keys.get(source) ?? keys.size;
      keys.set(source, key);
      return { ...pair, key };
    });
    const losses = model.loss({ runner: new Inference(new Scope(device, arena)) }, keyed, { smoothing: 0, gradientScale: 0 });
    return losses.byPair().map((tokenLogProbabilities) => {
      return { tokenLogProbabilities, logProbability: tokenLogProbabilities.reduce((sum, value) => sum + value, 0) };
    });
  } finally {
    arena.dispose();
  }
}
