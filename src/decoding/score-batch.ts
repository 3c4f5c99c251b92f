import { makeScoringBatch } from '../data/batch.js';
import type { TrainableModel } from '../models/model.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { Inference } from '../tensor/tape.js';

/** How likely a model finds a target sentence, given its source sentence. */
export interface Score {
  /** Log-probability of each target token given those before, in nats, that of `</s>` last. */
  readonly tokenLogProbabilities: Float32Array;
  /** Their sum. */
  readonly logProbability: number;
}

export interface ScoringPair {
  /** Source ids, at least one. */
  readonly source: ArrayLike<number>;
  /** Target ids without `<s>` and `</s>`. */
  readonly target: ArrayLike<number>;
}

/** The log-probability of every pair of a batch, in their order. A source sentence of several pairs is encoded once. */
export function scoreBatch(model: TrainableModel, device: Device, pairs: readonly ScoringPair[]): Score[] {
  const scores = new Array<Score>(pairs.length);
  const batch = makeScoringBatch(
    pairs.map((pair, key) => ({ ...pair, key })),
    model.batchOptions,
  );
  const arena = new Arena(device.memory);
  try {
    const pass = { runner: new Inference(new Scope(device, arena)) };
    const values = model.loss(pass, batch, { smoothing: 0, gradientScale: 0 }).logProbabilities.f32;
    const { layout, sentences } = batch.target;
    for (let column = 0; column < layout.sentences; column++) {
      const tokenLogProbabilities = new Float32Array(layout.lengths[column] as number);
      let sum = 0;
      for (let step = 0; step < tokenLogProbabilities.length; step++) {
        const value = values[(layout.offsets[step] as number) + column] as number;
        tokenLogProbabilities[step] = value;
        sum += value;
      }
      scores[sentences[column] as number] = { tokenLogProbabilities, logProbability: sum };
    }
  } finally {
    arena.dispose();
  }
  return scores;
}
