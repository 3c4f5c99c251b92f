import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import { turns } from '../../core/event-loop.js';
import { resolveOptions } from '../../core/options.js';
import { LanguageDetector } from '../../text/language-detection.js';
import type { CorpusLine, CorpusLines } from './corpus-line.js';
import { type FilterBound, filterRules, ruleBounds, type RuleName, ruleNames, type TextRuleName, textRules } from './filter-rules.js';
import { PagedNumbers } from './paged-numbers.js';
import { linesOfShare, shareOf } from './share-of-lines.js';
import type { Dropped, Verdict } from './verdict.js';

/** Gives each of some lines a figure, by a model; NaN where it says nothing of a line, which then passes. */
export type LineScorer = (lines: readonly CorpusLine[], signal?: AbortSignal) => Promise<ArrayLike<number>>;

export const lineFilterOptions = z.strictObject({
  ...ruleBounds,
  languages: z
    .array(z.string().min(2))
    .min(1)
    .max(2)
    .optional()
    .describe('the language of the text, or of the source and of the target: codes such as en,fr'),
  scoreColumn: z.int().min(1).optional().describe('the column of a file with tabs that has a score, from 1 on'),
});

export interface FilterLinesOptions extends z.input<typeof lineFilterOptions> {
  /** Models for the rules `domain` and `alignment`. */
  readonly scorers?: Partial<Readonly<Record<'domain' | 'alignment', LineScorer>>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of the lines that were measured, where verdicts come after a reading of all. */
  readonly onProgress?: ((progress: { readonly measured: number }) => void) | undefined;
  /** Told what bounds that are shares of the lines came to, before the first verdict. */
  readonly onBounds?: ((bounds: readonly BoundOfShare[]) => void) | undefined;
}

/** What a share of the lines came to as a bound. Only worse lines are dropped: lines with one figure stay or go together. */
export interface BoundOfShare {
  readonly rule: RuleName;
  readonly share: string;
  /** Lines that the rule has a figure of, among those that pass the rules with a number. */
  readonly lines: number;
  /** How many of them the share is. */
  readonly asked: number;
  /** The worst figure that is kept; undefined without lines. */
  readonly bound: number | undefined;
  /** Lines with a worse figure: at most as many as asked, and fewer where equal lines would be parted. */
  readonly worse: number;
  /** Lines with this very figure. */
  readonly equal: number;
}

/** A rule that is in use. */
interface ActiveRule {
  readonly name: RuleName;
  readonly bound: FilterBound;
  /** One or the other: models score many lines at once. */
  readonly measure?: (line: CorpusLine) => number | undefined;
  readonly score?: LineScorer;
}

const linesAtOnce = 2_048;

/**
 * Drops lines by rules, each with a bound of its own; the reason is the name of the first rule that a line does not pass. Verdicts come in
 * order.
 *
 * Where all bounds are numbers, lines are read once, in memory that does not grow. With a share such as `10%` they are read twice, so
 * `lines` must be something that can be, such as `corpusLines(...)` or an array, and 5 bytes per line and 4 for each such rule
 * are held. Of lines with the same figure all or none are dropped, and never more than the share; `onBounds` is told how many.
 *
 * @example
 * for await (const { line, dropped } of filterLines(lines, { languages: ['en', 'fr'], wordRatio: 2.5, punctuation: 'off' })) …
 *
 * @throws DecadeError `usage` for options that are not allowed, `input` for lines that differ when they are read again; the signal's reason
 */
export async function* filterLines(lines: CorpusLines, options: FilterLinesOptions = {}): AsyncGenerator<Verdict, void> {
  const { signal, onProgress, onBounds } = options;
  const rules = await activeRules(options);
  if (rules.every(({ bound }) => shareOf(bound) === undefined)) {
    for await (const measured of measuredLines(lines, rules, signal)) yield verdictOf(measured, rules);
    return;
  }
  const ranking = new Ranking(rules);
  for await (const measured of measuredLines(lines, rules, signal)) {
    ranking.add(measured);
    onProgress?.({ measured: ranking.lines });
  }
  const { bounds, judged } = ranking.finish();
  onBounds?.(bounds);
  let index = 0;
  for await (const line of lines) {
    signal?.throwIfAborted();
    if (index >= ranking.lines) throw changed();
    yield { line, dropped: line.unusable === undefined ? judged(index) : { reason: line.unusable } };
    index++;
  }
  if (index !== ranking.lines) throw changed();
}

function changed(): DecadeError {
  return new DecadeError('input', {
    where: 'lines',
    received: 'other lines when they were read a second time, as a share of them asks for',
    allowed: 'lines that can be read twice',
    next: 'pass an array or corpusLines(...), or give numbers as bounds',
  });
}

const callOptions = ['scorers', 'signal', 'onProgress', 'onBounds'] as const satisfies readonly (keyof FilterLinesOptions)[];

async function activeRules({
  scorers = {},
  signal: _,
  onProgress: __,
  onBounds: ___,
  ...given
}: FilterLinesOptions): Promise<ActiveRule[]> {
  const options = resolveOptions(lineFilterOptions, given, 'filter options', callOptions);
  const { languages, scoreColumn } = options;
  const unknown = Object.keys(scorers).find((name) => name !== 'domain' && name !== 'alignment');
  if (unknown !== undefined) {
    throw new DecadeError('usage', {
      where: `filter options.scorers.${unknown}`,
      received: 'an unknown rule',
      allowed: 'domain, alignment',
    });
  }
  const needs = {
    language: ['languages', languages],
    score: ['a score column', scoreColumn],
    domain: ['a scorer', scorers.domain],
    alignment: ['a scorer', scorers.alignment],
  } as const;
  for (const [name, [needed, value]] of Object.entries(needs)) {
    const bound = given[name as keyof typeof needs];
    if (bound === undefined || bound === 'off' || value !== undefined) continue;
    throw new DecadeError('usage', {
      where: `filter options.${name}`,
      received: `${bound}, without ${needed}`,
      allowed: `${needed} beside it, or off`,
    });
  }
  if (scoreColumn !== undefined && given.score === undefined) {
    throw new DecadeError('usage', {
      where: 'filter options.scoreColumn',
      received: `${scoreColumn}, without a bound for its scores`,
      allowed: 'a bound beside it',
      next: 'give score a number, or a share such as 25%',
    });
  }
  const informed: Partial<Record<RuleName, Pick<ActiveRule, 'measure' | 'score'>>> = {
    ...(languages !== undefined && options.language !== 'off' && { language: { measure: await languageFit(languages) } }),
    ...(scoreColumn !== undefined && { score: { measure: columnScore(scoreColumn) } }),
    ...(scorers.domain && { domain: { score: scorers.domain } }),
    ...(scorers.alignment && { alignment: { score: scorers.alignment } }),
  };
  const isText = (name: RuleName): name is TextRuleName => name in textRules;
  return ruleNames.flatMap((name): ActiveRule[] => {
    const bound = options[name];
    if (bound === 'off') return [];
    if (isText(name)) return [{ name, bound, measure: ({ sides }) => textRules[name].measure(sides) }];
    const how = informed[name];
    return how === undefined ? [] : [{ name, bound, ...how }];
  });
}

async function languageFit(languages: readonly string[]): Promise<(line: CorpusLine) => number | undefined> {
  const detector = await LanguageDetector.open();
  for (const language of languages) {
    if (detector.knows(language)) continue;
    throw new DecadeError('usage', {
      where: 'filter options.languages',
      received: language,
      allowed: 'codes of languages that the detector knows, such as en, fr, de, zh',
      next: 'leave languages out to filter by the other rules',
    });
  }
  return ({ sides }) => {
    if (languages.length > sides.length) {
      throw new DecadeError('usage', {
        where: 'filter options.languages',
        received: `${languages.join(', ')}, for text in one language`,
        allowed: 'one language',
      });
    }
    const fits = sides.flatMap((side, index) => {
      const language = languages[index];
      return language === undefined ? [] : [detector.fit(side, language) ?? 1];
    });
    return fits.length === 0 ? undefined : Math.min(...fits);
  };
}

function columnScore(column: number): (line: CorpusLine) => number | undefined {
  return ({ columns }) => {
    if (columns === undefined) {
      throw new DecadeError('usage', {
        where: 'filter options.scoreColumn',
        received: `${column}, of lines without columns`,
        allowed: 'a corpus in one file with tabs',
      });
    }
    const text = columns[column - 1]?.trim() ?? '';
    const value = Number(text);
    // What is no number is no good score: no bound lets it pass.
    return text === '' || Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value;
  };
}

/** A line with what its rules found: the first that it does not pass, if any, and the figures of those whose bound is a share. */
interface Measured {
  readonly line: CorpusLine;
  failed: number | undefined;
  value: number;
  readonly ranked: Map<number, number>;
}

async function* measuredLines(
  lines: CorpusLines,
  rules: readonly ActiveRule[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Measured, void> {
  const turn = turns();
  const isScored = rules.some(({ score }) => score !== undefined);
  let waiting: Measured[] = [];
  for await (const line of lines) {
    signal?.throwIfAborted();
    await turn();
    const measured: Measured = { line, failed: undefined, value: 0, ranked: new Map() };
    if (line.unusable === undefined) applyMeasures(measured, rules);
    if (!isScored) {
      yield measured;
      continue;
    }
    waiting.push(measured);
    if (waiting.length < linesAtOnce) continue;
    await applyScores(waiting, rules, signal);
    yield* waiting;
    waiting = [];
  }
  await applyScores(waiting, rules, signal);
  yield* waiting;
}

function applyMeasures(measured: Measured, rules: readonly ActiveRule[]): void {
  for (const [index, rule] of rules.entries()) {
    if (measured.failed !== undefined) return;
    const value = rule.measure?.(measured.line);
    if (value !== undefined) note(measured, rules, index, value);
  }
}

/** Models read only what has passed until then. */
async function applyScores(batch: readonly Measured[], rules: readonly ActiveRule[], signal: AbortSignal | undefined): Promise<void> {
  for (const [index, { score }] of rules.entries()) {
    const left = batch.filter(({ line, failed }) => line.unusable === undefined && failed === undefined);
    if (score === undefined || left.length === 0) continue;
    const values = await score(
      left.map(({ line }) => line),
      signal,
    );
    if (values.length !== left.length) {
      throw new DecadeError('usage', {
        where: `filter options.scorers.${(rules[index] as ActiveRule).name}`,
        received: `${values.length} figures for ${left.length} lines`,
        allowed: 'a figure for each line',
      });
    }
    for (const [place, measured] of left.entries()) {
      const value = values[place] as number;
      if (!Number.isNaN(value)) note(measured, rules, index, value);
    }
  }
}

function note(measured: Measured, rules: readonly ActiveRule[], index: number, value: number): void {
  const { name, bound } = rules[index] as ActiveRule;
  if (typeof bound !== 'number') measured.ranked.set(index, value);
  else if (!passes(name, value, bound)) Object.assign(measured, { failed: index, value });
}

function passes(name: RuleName, value: number, bound: number): boolean {
  return filterRules[name].keeps === 'most' ? value <= bound : value >= bound;
}

function verdictOf({ line, failed, value }: Measured, rules: readonly ActiveRule[]): Verdict {
  if (line.unusable !== undefined) return { line, dropped: { reason: line.unusable } };
  return failed === undefined ? { line } : { line, dropped: droppedBy(rules, failed, value) };
}

function droppedBy(rules: readonly ActiveRule[], failed: number, value: number): Dropped {
  return { reason: (rules[failed] as ActiveRule).name, detail: String(Number(value.toPrecision(4))) };
}

/** Of every line, which rule it failed and its figure, or its figures for the rules whose bounds follow from all lines. */
class Ranking {
  lines = 0;
  readonly #rules: readonly ActiveRule[];
  /** 0 for lines that pass the rules with a number; otherwise the index of the rule that they do not, plus 1. */
  readonly #failed = new PagedNumbers((length) => new Uint8Array(length));
  readonly #values = new PagedNumbers((length) => new Float32Array(length));
  readonly #ranked: ReadonlyMap<number, PagedNumbers<Float32Array>>;

  constructor(rules: readonly ActiveRule[]) {
    this.#rules = rules;
    const shared = rules.flatMap(({ bound }, index) => (shareOf(bound) === undefined ? [] : [index]));
    this.#ranked = new Map(shared.map((index) => [index, new PagedNumbers((length) => new Float32Array(length))]));
  }

  add({ failed, value, ranked }: Measured): void {
    this.lines++;
    this.#failed.push(failed === undefined ? 0 : failed + 1);
    this.#values.push(value);
    for (const [index, figures] of this.#ranked) figures.push(ranked.get(index) ?? Number.NaN);
  }

  /** The bounds that the shares came to, and what becomes of each line, by its place. */
  finish(): { readonly bounds: readonly BoundOfShare[]; judged(index: number): Dropped | undefined } {
    const bounds = Array.from(this.#ranked, ([rule, figures]) => this.#boundOf(rule, figures));
    const ranked = [...this.#ranked];
    const judged = (index: number) => {
      const failed = this.#failed.get(index);
      if (failed > 0) return droppedBy(this.#rules, failed - 1, this.#values.get(index));
      for (const [place, [rule, figures]] of ranked.entries()) {
        const [value, { rule: name, bound }] = [figures.get(index), bounds[place] as BoundOfShare];
        if (bound !== undefined && !Number.isNaN(value) && !passes(name, value, bound)) return droppedBy(this.#rules, rule, value);
      }
      return undefined;
    };
    return { bounds, judged };
  }

  /** Leaves out the wanted share of the lines that pass the rules with a number; lines with the same figure stay together, kept. */
  #boundOf(rule: number, figures: PagedNumbers<Float32Array>): BoundOfShare {
    const sorted = new Float32Array(this.lines);
    let count = 0;
    for (let index = 0; index < this.lines; index++) {
      const value = figures.get(index);
      if (this.#failed.get(index) === 0 && !Number.isNaN(value)) sorted[count++] = value;
    }
    const values = sorted.subarray(0, count).sort();
    const { name, bound: share } = this.#rules[rule] as ActiveRule;
    // Worst first.
    if (filterRules[name].keeps === 'most') values.reverse();
    const asked = linesOfShare(shareOf(share) ?? 0, count);
    const bound = values[Math.min(count - 1, asked)];
    const worse = bound === undefined ? 0 : values.indexOf(bound);
    const equal = bound === undefined ? 0 : values.lastIndexOf(bound) + 1 - worse;
    return { rule: name, share: String(share), lines: count, asked, bound, worse, equal };
  }
}
