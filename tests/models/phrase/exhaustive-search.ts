import type { PhraseOption } from '../../../src/models/phrase/phrase-table.js';
import { type TranslationFeature, translationFeatures } from '../../../src/models/phrase/search/features.js';
import type { PhraseSearchModel } from '../../../src/models/phrase/search/phrase-search.js';

interface PlacedOption {
  readonly start: number;
  readonly end: number;
  readonly option: PhraseOption;
  readonly isUnknown: boolean;
}

/** A translation that was found by trying everything. */
export interface ExhaustiveTranslation {
  readonly words: number[];
  readonly features: Record<TranslationFeature, number>;
  readonly score: number;
  readonly steps: readonly PlacedOption[];
}

/** Every segmentation of a sentence in every order that the distortion limit allows, scored from the definitions, the best first. */
export function exhaustiveSearch(model: PhraseSearchModel, source: readonly number[], distortionLimit: number): ExhaustiveTranslation[] {
  const placed = placedOptions(model, source);
  const found: ExhaustiveTranslation[] = [];
  const extend = (steps: readonly PlacedOption[], covered: readonly boolean[]) => {
    const gap = covered.indexOf(false);
    if (gap < 0) found.push(scored(model, source, steps));
    for (const step of placed) {
      const { start, end } = step;
      if (covered.slice(start, end).includes(true)) continue;
      if (Math.abs(start - (steps.at(-1)?.end ?? 0)) > distortionLimit) continue;
      if (start !== gap && end - gap > distortionLimit) continue;
      extend(
        [...steps, step],
        covered.map((is, position) => is || (start <= position && position < end)),
      );
    }
  };
  extend(
    [],
    source.map(() => false),
  );
  return found.sort((a, b) => b.score - a.score);
}

/** The best of each text. */
export function distinct(translations: readonly ExhaustiveTranslation[]): ExhaustiveTranslation[] {
  const texts = new Set<string>();
  return translations.filter(({ words, steps }) => {
    const unknown = steps.filter(({ isUnknown }) => isUnknown).map(({ start }) => start);
    const text = `${words.join(' ')} / ${unknown.join(' ')}`;
    const isNew = !texts.has(text);
    texts.add(text);
    return isNew;
  });
}

function placedOptions({ table, special }: PhraseSearchModel, source: readonly number[]): PlacedOption[] {
  const placed: PlacedOption[] = [];
  for (let start = 0; start < source.length; start++) {
    for (let end = start + 1; end <= Math.min(source.length, start + table.maximumLength); end++) {
      const options = table.options(source, start, end);
      for (const option of options) placed.push({ start, end, option, isUnknown: false });
      if (options.length > 0 || end > start + 1) continue;
      const option = { target: Int32Array.of(special.unknown), features: new Float32Array(4), alignment: Int8Array.of(0) };
      placed.push({ start, end, option, isUnknown: true });
    }
  }
  return placed;
}

const kinds = { M: 'monotone', S: 'swap', D: 'discontinuous' } as const;

function scored(
  { languageModel, weights, special }: PhraseSearchModel,
  _source: readonly number[],
  steps: readonly PlacedOption[],
): ExhaustiveTranslation {
  const features = Object.fromEntries(translationFeatures.map((name) => [name, 0])) as Record<TranslationFeature, number>;
  const words = steps.flatMap(({ option }) => [...option.target]);
  let state = languageModel.start;
  for (const [place, word] of [special.begin, ...words, special.end].entries()) {
    const [logProbability, next] = languageModel.score(state, word);
    if (place > 0) features.languageModel += logProbability;
    state = next;
  }
  features.wordPenalty = -words.length;
  features.phrasePenalty = steps.length;
  for (const [index, { start, end, option, isUnknown }] of steps.entries()) {
    const before = index === 0 ? { start: 0, end: 0, option: undefined } : steps[index - 1];
    if (before === undefined) continue;
    features.inversePhrase += option.features[0] ?? 0;
    features.inverseLexical += option.features[1] ?? 0;
    features.directPhrase += option.features[2] ?? 0;
    features.directLexical += option.features[3] ?? 0;
    features.distortion -= Math.abs(start - before.end);
    if (isUnknown) features.unknownWord -= 100;
    const kind = start === before.end ? 'M' : end === before.start ? 'S' : 'D';
    const column = 'MSD'.indexOf(kind);
    features[`${kinds[kind]}Before`] += option.reordering?.[column] ?? 0;
    features[`${kinds[kind]}After`] += before.option?.reordering?.[3 + column] ?? 0;
  }
  const score = translationFeatures.reduce((sum, name, index) => sum + features[name] * (weights[index] as number), 0);
  return { words, features, score, steps };
}
