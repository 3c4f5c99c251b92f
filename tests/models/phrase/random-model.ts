import { randomKey, uniform, uniformInteger } from '../../../src/core/random.js';
import { type PhraseOption, type PhraseTable, phraseFeatures } from '../../../src/models/phrase/phrase-table.js';
import type { PhraseLanguageModel } from '../../../src/models/phrase/search/language-model-cache.js';
import type { PhraseSpecialIds } from '../../../src/models/phrase/search/phrase-search.js';

export const special: PhraseSpecialIds = { begin: 1, end: 2, unknown: 3 };

/** The source word that has no translation by itself. */
export const untranslated = 9;

interface TableOptions {
  readonly seed: number;
  readonly reordering?: boolean;
  readonly maximumLength?: number;
}

/** A few translations of most phrases of up to two or three words, of one or two of the target words 4 to 8. */
export function randomTable({ seed, reordering = false, maximumLength = 2 }: TableOptions): PhraseTable {
  return {
    maximumLength,
    options(source, start, end) {
      const words = Array.from({ length: end - start }, (_, place) => source[start + place] as number);
      if (end - start === 1 && words[0] === untranslated) return [];
      const key = randomKey(seed, 'corpus', ...words);
      const count = end - start === 1 ? 2 : uniformInteger(key, 0, 2);
      return Array.from({ length: count }, (_, option) => randomOption(randomKey(key, 'corpus', option), end - start, reordering));
    },
  };
}

function randomOption(key: number, sourceWords: number, reordering: boolean): PhraseOption {
  const words = 1 + uniformInteger(key, 0, 2);
  return {
    target: Int32Array.from({ length: words }, (_, place) => 4 + uniformInteger(key, 1 + place, 5)),
    features: Float32Array.from(phraseFeatures, (_, feature) => -3 * uniform(key, 10 + feature)),
    ...(reordering && { reordering: Float32Array.from({ length: 6 }, (_, place) => -2 * uniform(key, 20 + place)) }),
    alignment: Int8Array.from({ length: words }, (_, place) => uniformInteger(key, 30 + place, sourceWords + 1) - 1),
  };
}

/** A model of trigrams: any two words are a state. */
export function randomLanguageModel(seed: number): PhraseLanguageModel {
  return {
    start: 0,
    score: (state, token) => [-4 * uniform(randomKey(seed, 'corpus', state, token), 0), 100 * (state % 100) + token],
  };
}
