import * as z from 'zod';
import { turns } from '../../core/event-loop.js';
import { resolveOptions } from '../../core/options.js';
import { randomKey, uniformInteger } from '../../core/random.js';
import { shortened } from '../../core/visible-text.js';
import { LanguageDetector } from '../../text/language-detection.js';
import type { CorpusLines } from './corpus-line.js';
import { fingerprint, FingerprintMap } from './fingerprints.js';
import { inForm, textForms, wordsOf } from './forms.js';
import { ScriptCounts } from './scripts.js';

export const statisticsOptions = z.strictObject({
  form: z.enum(textForms).default('normalised').describe('how texts are compared to count duplicates: verbatim, normalised, letters'),
  languageSample: z.int().min(0).max(1_000_000).default(5_000).describe('lines whose language is detected, drawn at random'),
  longest: z.int().min(0).max(1_000).default(10).describe('longest lines that are named'),
});

export interface StatisticsOptions extends z.input<typeof statisticsOptions> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly lines: number }) => void) | undefined;
}

/** How often a value occurs. */
export interface CountedValue {
  readonly value: number;
  readonly count: number;
}

export interface CorpusCensus {
  readonly lines: number;
  /** Lines that cannot be used, by reason: `encoding`, `spaces`, `columns`. */
  readonly unusable: Readonly<Record<string, { readonly count: number; readonly firstLine: number }>>;
  /** The text; or the source and the target. */
  readonly sides: readonly SideStatistics[];
  /** Undefined for a text. */
  readonly pairs: PairStatistics | undefined;
  /** Lines of the sample whose languages were detected. */
  readonly languageSample: number;
}

export interface SideStatistics {
  readonly name: 'text' | 'source' | 'target';
  readonly words: number;
  readonly characters: number;
  /** Lines without a character that is seen. */
  readonly empty: number;
  /** Lines that are the same as an earlier one. */
  readonly duplicates: number;
  /** Words between white space, and characters, by line. Ascending; what is longer than the greatest value counts there. */
  readonly wordsPerLine: readonly CountedValue[];
  readonly charactersPerLine: readonly CountedValue[];
  readonly scripts: readonly { readonly name: string; readonly characters: number }[];
  /** Of the sample: the language that fits each line best. */
  readonly languages: readonly { readonly language: string; readonly lines: number }[];
  readonly longest: readonly LongLine[];
}

export interface LongLine {
  readonly line: number;
  readonly characters: number;
  readonly words: number;
  /** Its beginning. */
  readonly text: string;
}

export interface PairStatistics {
  /** Pairs that are the same as an earlier one. */
  readonly duplicates: number;
  /** Pairs whose sides are the same. */
  readonly same: number;
  /** Words of the target over words of the source, in steps of 0.1 up to 5; pairs with an empty side are left out. */
  readonly wordRatios: readonly CountedValue[];
}

const [mostWordsTold, mostCharactersTold] = [1_000, 5_000];
const [ratioStep, mostRatio] = [10, 5];
const shownCharacters = 120;

/**
 * What is in a corpus, in one reading.
 *
 * Memory for n lines: 17 to 34 n bytes for each side, and for pairs once more (at 10 million 201 MB each, and half of that for the moment in
 * which one grows), and the sample.
 *
 * @example
 * const { lines, sides } = await corpusStatistics(corpusLines({ source: 'train.en', target: 'train.fr' }));
 *
 * @throws DecadeError `usage` for options that are not allowed; the signal's reason
 */
export async function corpusStatistics(lines: CorpusLines, options: StatisticsOptions = {}): Promise<CorpusCensus> {
  const { signal, onProgress, ...given } = options;
  const { form, languageSample, longest } = resolveOptions(statisticsOptions, given, 'statistics options', ['signal', 'onProgress']);
  const unusable: Record<string, { count: number; firstLine: number }> = {};
  const sides: SideCounts[] = [];
  const pairs = new PairCounts();
  const sample: (readonly string[])[] = [];
  const turn = turns();
  let [read, usable] = [0, 0];
  for await (const line of lines) {
    signal?.throwIfAborted();
    await turn();
    read++;
    onProgress?.({ lines: read });
    if (line.unusable !== undefined) {
      unusable[line.unusable] ??= { count: 0, firstLine: line.number };
      (unusable[line.unusable] as { count: number }).count++;
      continue;
    }
    const compared = line.sides.map((side) => inForm(side, form));
    const words = line.sides.map((side, index) => {
      sides[index] ??= new SideCounts(longest);
      return sides[index].add(line.number, side, compared[index] ?? '');
    });
    if (line.sides.length > 1) pairs.add(compared, words);
    const place = usable < languageSample ? usable : uniformInteger(sampleKey, usable, usable + 1);
    if (place < languageSample) sample[place] = line.sides;
    usable++;
  }
  const names = sides.length > 1 ? (['source', 'target'] as const) : (['text'] as const);
  const languages = await languagesOf(sample, sides.length, signal);
  return {
    lines: read,
    unusable,
    sides: sides.map((side, index) => side.statistics(names[index] ?? 'text', languages[index] ?? [])),
    pairs: sides.length > 1 ? pairs.statistics : undefined,
    languageSample: sample.length,
  };
}

const sampleKey = randomKey(2, 'sample');

class SideCounts {
  readonly #seen = new FingerprintMap();
  readonly #scripts = new ScriptCounts();
  readonly #wordsPerLine = new Float64Array(mostWordsTold + 1);
  readonly #charactersPerLine = new Float64Array(mostCharactersTold + 1);
  readonly #longest: LongLine[] = [];
  readonly #named: number;
  #words = 0;
  #characters = 0;
  #empty = 0;
  #duplicates = 0;

  constructor(named: number) {
    this.#named = named;
  }

  /** Returns how many words there are. */
  add(line: number, text: string, compared: string): number {
    const words = wordsOf(text).length;
    const characters = this.#scripts.add(text);
    this.#words += words;
    this.#characters += characters;
    if (words === 0) this.#empty++;
    if (this.#seen.getOrSet(fingerprint(compared), 0) !== undefined) this.#duplicates++;
    countAt(this.#wordsPerLine, words);
    countAt(this.#charactersPerLine, characters);
    const shortest = this.#longest.at(-1);
    if (this.#longest.length < this.#named || (shortest !== undefined && characters > shortest.characters)) {
      this.#longest.push({ line, characters, words, text: shortened(text, shownCharacters) });
      this.#longest.sort((a, b) => b.characters - a.characters || a.line - b.line).splice(this.#named);
    }
    return words;
  }

  statistics(name: SideStatistics['name'], languages: SideStatistics['languages']): SideStatistics {
    return {
      name,
      words: this.#words,
      characters: this.#characters,
      empty: this.#empty,
      duplicates: this.#duplicates,
      wordsPerLine: countedValues(this.#wordsPerLine, 1),
      charactersPerLine: countedValues(this.#charactersPerLine, 1),
      scripts: this.#scripts.counts,
      languages,
      longest: this.#longest,
    };
  }
}

class PairCounts {
  readonly #seen = new FingerprintMap();
  readonly #ratios = new Float64Array(mostRatio * ratioStep + 1);
  #duplicates = 0;
  #same = 0;

  add([source = '', target = '']: readonly string[], [sourceWords = 0, targetWords = 0]: readonly number[]): void {
    if (this.#seen.getOrSet(fingerprint(`${source}\n${target}`), 0) !== undefined) this.#duplicates++;
    if (source === target && source !== '') this.#same++;
    if (sourceWords > 0 && targetWords > 0) countAt(this.#ratios, Math.floor((ratioStep * targetWords) / sourceWords));
  }

  get statistics(): PairStatistics {
    return { duplicates: this.#duplicates, same: this.#same, wordRatios: countedValues(this.#ratios, ratioStep) };
  }
}

function countAt(counts: Float64Array, value: number): void {
  const place = Math.min(counts.length - 1, value);
  counts[place] = (counts[place] as number) + 1;
}

function countedValues(counts: Float64Array, perUnit: number): CountedValue[] {
  return Array.from(counts, (count, place) => ({ value: place / perUnit, count })).filter(({ count }) => count > 0);
}

/** For each side, how many lines of the sample are in which language. */
async function languagesOf(sample: readonly (readonly string[])[], sides: number, signal: AbortSignal | undefined) {
  if (sample.length === 0) return [];
  const detector = await LanguageDetector.open();
  const turn = turns();
  const found = Array.from({ length: sides }, () => new Map<string, number>());
  for (const line of sample) {
    signal?.throwIfAborted();
    await turn();
    for (const [index, counts] of found.entries()) {
      const language = detector.best(line[index] ?? '') ?? 'none';
      counts.set(language, (counts.get(language) ?? 0) + 1);
    }
  }
  return found.map((counts) => Array.from(counts, ([language, lines]) => ({ language, lines })).sort((a, b) => b.lines - a.lines));
}
