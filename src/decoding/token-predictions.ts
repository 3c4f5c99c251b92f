import { turns } from '../core/event-loop.js';
import type { StepModel } from '../models/model.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { logSoftmax } from '../tensor/operations/search.js';
import { beginId } from '../text/tokenizer.js';

/** A token of a text, and what a language model thought of it. */
export interface PredictedToken {
  readonly id: number;
  /** Of this token given those before it, in nats. */
  readonly logProbability: number;
  /** The likeliest tokens in its place, best first. */
  readonly likeliest: readonly { readonly id: number; readonly logProbability: number }[];
}

/** What a language model predicts at the place of every token of a text, one after the other. */
export async function predictTokens(
  model: StepModel,
  device: Device,
  ids: ArrayLike<number>,
  { top = 0, signal }: { readonly top?: number; readonly signal?: AbortSignal | undefined },
): Promise<PredictedToken[]> {
  const turn = turns();
  const scope = new Scope(device, new Arena(device.memory));
  const session = model.decode(device, [[]]);
  try {
    const predicted: PredictedToken[] = [];
    for (let place = 0; place < ids.length; place++) {
      signal?.throwIfAborted();
      scope.arena.reset();
      const id = ids[place] as number;
      const { logits, bias } = session.step(Int32Array.of(place === 0 ? beginId : (ids[place - 1] as number)));
      const logProbabilities = logSoftmax(scope, logits, bias).f32;
      predicted.push({ id, logProbability: logProbabilities[id] ?? -Infinity, likeliest: likeliestOf(logProbabilities, top) });
      await turn();
    }
    return predicted;
  } finally {
    session.dispose();
    scope.arena.dispose();
  }
}

/** Equal ones by id. */
function likeliestOf(logProbabilities: Float32Array, top: number): PredictedToken['likeliest'] {
  const best: { id: number; logProbability: number }[] = [];
  if (top === 0) return best;
  for (const [id, logProbability] of logProbabilities.entries()) {
    if (best.length === top && logProbability <= (best[top - 1]?.logProbability ?? -Infinity)) continue;
    const place = best.findLastIndex((each) => each.logProbability >= logProbability) + 1;
    best.splice(place, 0, { id, logProbability });
    best.length = Math.min(best.length, top);
  }
  return best;
}
