import { turns } from '../core/event-loop.js';
import { scoredContexts } from '../data/contexts.js';
import type { StepModel, StepOutput } from '../models/model.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { logSoftmax } from '../tensor/operations/search.js';
import { beforePrefix } from './search.js';

/** A token of a text, and what a language model thought of it. */
export interface PredictedToken {
  readonly id: number;
  /** Of this token given those before it, in nats. */
  readonly logProbability: number;
  /** The likeliest tokens in its place, best first. */
  readonly likeliest: readonly { readonly id: number; readonly logProbability: number }[];
}

/**
 * What a language model predicts at the place of every token of a text; undefined for a first token that nothing comes before. What is
 * longer than the model can read is cut as `scoreDocuments` cuts it, so that every token has at least half a context before it.
 *
 * @param context  tokens of a context, where there is more than one
 */
export async function predictTokens(
  model: StepModel,
  device: Device,
  ids: ArrayLike<number>,
  { top = 0, context = Infinity, signal }: { readonly top?: number; readonly context?: number; readonly signal?: AbortSignal | undefined },
): Promise<(PredictedToken | undefined)[]> {
  const tokens = Array.from(ids);
  const room = model.lengthLimits?.target(0) ?? Infinity;
  const length = tokens.length <= room ? tokens.length : scoredContexts({ context }, room).context;
  const predicted: (PredictedToken | undefined)[] = [];
  for (let start = 0; start < tokens.length; start += length) {
    const first = Math.max(0, start - length);
    const before = first === 0 ? beforePrefix(model, tokens) : [tokens[first - 1] as number];
    const window = { read: [...before, ...tokens.slice(first, start)], next: tokens.slice(start, start + length) };
    predicted.push(...(await predictNext(model, device, window, { top, signal })));
  }
  return predicted;
}

/** What is predicted at the places of the `next` tokens, one after the other, when others have been read. */
async function predictNext(
  model: StepModel,
  device: Device,
  { read, next }: { readonly read: readonly number[]; readonly next: readonly number[] },
  { top, signal }: { readonly top: number; readonly signal: AbortSignal | undefined },
): Promise<(PredictedToken | undefined)[]> {
  const turn = turns();
  const scope = new Scope(device, new Arena(device.memory));
  const session = model.decode(device, [[]]);
  try {
    let output: StepOutput | undefined = read.length === 0 ? undefined : session.read([read]);
    const predicted: (PredictedToken | undefined)[] = [];
    for (const id of next) {
      scope.arena.reset();
      const logProbabilities = output && logSoftmax(scope, output.logits, output.bias).f32;
      predicted.push(
        logProbabilities && { id, logProbability: logProbabilities[id] ?? -Infinity, likeliest: likeliestOf(logProbabilities, top) },
      );
      await turn();
      signal?.throwIfAborted();
      if (predicted.length < next.length) output = session.step(Int32Array.of(id));
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
