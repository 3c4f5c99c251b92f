import type { DecadeError } from '../../core/errors.js';
import type { CandidateList, Criterion, SelectionControl, Valuation } from './criterion.js';

/** Operations that a token takes in a model. */
interface OperationsPerToken {
  readonly source: number;
  readonly target: number;
}

/** What a reverse model is asked: a `LoadedModel` that translates. */
export interface PairModel {
  readonly operationsPerToken: OperationsPerToken;
  score(pairs: readonly { readonly source: string; readonly target: string }[], control: SelectionControl): Promise<readonly PairScore[]>;
}

interface PairScore {
  readonly logProbability: number;
  readonly tokenLogProbabilities: { readonly length: number };
  /** Set when a side was too long and was cut. */
  readonly warning?: DecadeError | undefined;
}

export interface ChannelOptions {
  /** Called for each score of a text that was cut short, or whose source was: the valuation is that of the rest. */
  readonly onCut?: ((warning: DecadeError) => void) | undefined;
}

/** What a language model is asked: a `LoadedModel` without a source. */
export interface TextModel {
  readonly operationsPerToken: OperationsPerToken;
  scoreText(
    texts: readonly string[],
    control: SelectionControl,
  ): Promise<{ readonly documents: readonly { readonly logProbability: number; readonly tokens: number }[] }>;
}

const words = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Words of a text, in any script; at least 1. */
function wordsOf(text: string): number {
  let count = 0;
  for (const { isWordLike } of words.segment(text)) if (isWordLike === true) count++;
  return Math.max(1, count);
}

/**
 * The channel of a noisy channel: log p(source | candidate) by a model that translates the other way, per word of the source (Li and
 * Jurafsky 2016; Yee, Dauphin and Auli 2019, equation 3). An empty candidate has none and is worth -Infinity.
 */
export function channel(model: PairModel, { onCut }: ChannelOptions = {}): Criterion {
  return {
    name: 'channel',
    valuations: (lists, control) =>
      scored(lists, async (asked) => {
        const scores = await model.score(
          asked.map(({ source, text }) => ({ source: text, target: source })),
          control,
        );
        for (const { warning } of scores) if (warning !== undefined) onCut?.(warning);
        const { source, target } = model.operationsPerToken;
        // A candidate has about as many tokens as its source, and both are read once.
        return scores.map(({ logProbability, tokenLogProbabilities: { length } }) => ({
          value: length === 0 ? Number.NEGATIVE_INFINITY : logProbability,
          operations: length * (source + target),
        }));
      }),
  };
}

/** log p(candidate) by a language model, per word of the source, as `channel`. */
export function languageModel(model: TextModel): Criterion {
  return {
    name: 'lm',
    valuations: (lists, control) =>
      scored(lists, async (asked) => {
        const { documents } = await model.scoreText(
          asked.map(({ text }) => text),
          control,
        );
        return documents.map(({ logProbability, tokens }) => ({
          value: logProbability,
          operations: tokens * model.operationsPerToken.target,
        }));
      }),
  };
}

/** Words of the candidate per word of the source: what a sum of log-probabilities needs against its love of short texts. */
export const lengthRatio: Criterion = {
  name: 'length',
  valuations: async (lists) =>
    lists.map(({ source, candidates }) => ({
      values: Float64Array.from(candidates, ({ text }) => (text.trim() === '' ? 0 : wordsOf(text) / wordsOf(source))),
      cost: { evaluations: 0, operations: 0, seconds: 0 },
    })),
};

interface Asked {
  readonly source: string;
  readonly text: string;
}

/** Asks once for each text of a list, all lists together. What has nothing to score (no text, no source) is worth -Infinity. */
async function scored(
  lists: readonly CandidateList[],
  score: (asked: readonly Asked[]) => Promise<readonly { readonly value: number; readonly operations: number }[]>,
): Promise<Valuation[]> {
  const started = performance.now();
  const texts = lists.map(({ candidates }) => [...new Set(candidates.map(({ text }) => text))].filter((text) => text.trim() !== ''));
  const asked = lists.flatMap(({ source }, list) => (texts[list] ?? []).map((text) => ({ source, text })));
  const scores = (asked.length === 0 ? [] : await score(asked)).values();
  const seconds = (performance.now() - started) / 1000;
  return lists.map(({ source, candidates }, list) => {
    const of = new Map((texts[list] ?? []).map((text) => [text, scores.next().value]));
    const perWord = wordsOf(source);
    return {
      values: Float64Array.from(candidates, ({ text }) => (of.get(text)?.value ?? Number.NEGATIVE_INFINITY) / perWord),
      cost: {
        evaluations: of.size,
        operations: [...of.values()].reduce((sum, each) => sum + (each?.operations ?? 0), 0),
        seconds: asked.length === 0 ? 0 : (seconds * of.size) / asked.length,
      },
    };
  });
}
