import { turns } from '../core/event-loop.js';
import { DecadeError } from '../core/errors.js';
import type { FoundTranslation, TranslationSearch } from '../models/model.js';
import { decodingOptions } from './options.js';
import type { SearchControl, SearchOptions, SearchSentence } from './search.js';
import type { Hypothesis } from './search-rows.js';

/**
 * Translations by a model's own search, sentence by sentence. It gives no probabilities: those of tokens are 1, and what stands as the
 * log-probability of a translation is its score.
 *
 * @throws DecadeError `usage` for options and prefixes that such a search does not know
 */
export async function searchSentences(
  { open }: TranslationSearch,
  sentences: readonly SearchSentence[],
  options: SearchOptions,
  { signal, onProgress }: Pick<SearchControl, 'signal' | 'onProgress'> = {},
): Promise<Hypothesis[][]> {
  const refused = refusedOption(sentences, options);
  if (refused !== undefined) {
    throw new DecadeError('usage', {
      where: 'decoding options',
      received: `${refused} for a model that searches whole sentences`,
      allowed: 'nbest, unknownReplacement, attention and maximumSourceLength',
      next: `leave ${refused} out, or translate with a network`,
    });
  }
  const searcher = await open();
  const turn = turns();
  const maximumTokens = Math.max(...sentences.map(({ source }) => source.length));
  const results: Hypothesis[][] = [];
  for (const { source } of sentences) {
    signal?.throwIfAborted();
    const found = searcher.search(source, options.nbest);
    results.push(found.map((translation) => hypothesisOf(translation, source.length, options.attention)));
    const waited = turn();
    if (waited === undefined) continue;
    onProgress?.({ tokens: (maximumTokens * results.length) / sentences.length, maximumTokens, hypotheses: 1 });
    await waited;
  }
  return results;
}

/** Options that only a search token by token has use for. */
const refusedOptions = ['sample', 'maximumLength', 'minimumLength', 'forbidRepeats', 'forbidUnknown', 'diversity'] as const;
/** Every search has a length penalty: only another one was asked for. */
const { lengthPenalty: unasked } = decodingOptions.parse({});

function refusedOption(sentences: readonly SearchSentence[], options: SearchOptions): string | undefined {
  if (sentences.some(({ prefix = [] }) => prefix.length > 0)) return 'a prefix';
  if (sentences.some(({ phrases }) => phrases !== undefined)) return 'a list of given words';
  const { kind, alpha } = options.lengthPenalty;
  if (kind !== unasked.kind || alpha !== unasked.alpha) return 'lengthPenalty';
  return refusedOptions.find((name) => options[name]);
}

function hypothesisOf({ ids, score, features, alignment }: FoundTranslation, sourceTokens: number, withAttention: boolean): Hypothesis {
  const attention = () =>
    Array.from({ length: ids.length + 1 }, (_, place) => {
      const weights = new Float32Array(sourceTokens);
      const position = alignment[place] ?? -1;
      if (position >= 0) weights[position] = 1;
      return weights;
    });
  return {
    ids,
    tokenLogProbabilities: new Float32Array(ids.length + 1),
    logProbability: score,
    score,
    features,
    attention: withAttention ? attention() : undefined,
  };
}
