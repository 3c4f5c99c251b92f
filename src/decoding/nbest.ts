import { DecadeError } from '../core/errors.js';
import type { DecodingOptions } from './options.js';
import type { Translation } from './translator.js';

/**
 * N-best lists as Moses, Marian and decade write them, a hypothesis a line, those of a sentence together, best first:
 *
 *     line ||| text ||| feature= values ||| score
 *
 * Bars in the text that would look like a separator, and spaces at its ends, are written with the escapes of Moses: `||&#124;`
 * and `&#32;`; what is written so already gets an `amp;` more, `||&amp;#124;`. Reading gives the same text back.
 *
 * Decade's features are `logProbability= -3.21 tokens= 7 lengthPenalty= 1`: the score is the log-probability divided by
 * tokens^1, where `</s>` is a token; `gnmtLengthPenalty= 0.2` for the formula of Wu et al. Of translations that a selection chose,
 * the score is its value and each of its criteria a feature, `mbr= 54.2`, instead of the length penalty.
 */
export interface NbestHypothesis {
  readonly text: string;
  /** `LM0= -12.5 TM0= -1 -3.2`, as it was written. */
  readonly features: string;
  readonly score: number;
  /** Fields after the score, such as word alignments. */
  readonly further: readonly string[];
}

/** The hypotheses of one sentence, in the order of the list. */
export interface NbestGroup {
  /** The sentence they translate, from 0. */
  readonly sentence: number;
  readonly hypotheses: readonly NbestHypothesis[];
}

/** A line of the list that cannot be used, from 1, and why. */
export type BadLine = (error: DecadeError) => void;

const separator = '|||';

const escapable = /\|\|(?:\||&(?:amp;)*#124;)|^(?: |&(?:amp;)*#32;)|(?: |&(?:amp;)*#32;)$/g;
const escaped = /\|\|&(?:amp;)*#124;|^&(?:amp;)*#32;|&(?:amp;)*#32;$/g;

function withEscapes(text: string): string {
  return text.replace(escapable, (found) => {
    if (found.includes('&')) return found.replace('&', '&amp;');
    return found === ' ' ? '&#32;' : '||&#124;';
  });
}

function withoutEscapes(text: string): string {
  return text.replace(escaped, (found) => {
    if (found.includes('&amp;')) return found.replace('&amp;', '&');
    return found === '&#32;' ? ' ' : '|||';
  });
}

/** Without spaces and tabs at the ends; no-break and ideographic spaces there are text. */
function trimmed(field: string): string {
  const isSpace = (at: number) => field[at] === ' ' || field[at] === '\t';
  let [start, end] = [0, field.length];
  while (start < end && isSpace(start)) start++;
  while (start < end && isSpace(end - 1)) end--;
  return field.slice(start, end);
}

/** One line of a list. Throws `input` for a line that is none; `where` names it. */
export function parseNbestLine(line: string, where: string): { sentence: number; hypothesis: NbestHypothesis } {
  const fields = line.split(separator).map(trimmed);
  const [sentence = '', text = '', features = '', score = '', ...further] = fields;
  const wrong = (received: string): DecadeError =>
    new DecadeError('input', { where, received, allowed: 'line ||| text ||| feature= values ||| score' });
  if (fields.length < 4) throw wrong(`${fields.length} ${fields.length === 1 ? 'field' : 'fields'}`);
  if (!/^\d+$/.test(sentence)) throw wrong(`${JSON.stringify(sentence)} for the number of the line`);
  if (score === '' || !isScore(numberOf(score))) throw wrong(`${JSON.stringify(score)} for the score`);
  return { sentence: Number(sentence), hypothesis: { text: withoutEscapes(text), features, score: numberOf(score), further } };
}

/** Whether hypotheses can be ranked by it: what is impossible, such as an empty text to some models, has -Infinity. */
export function isScore(value: number): boolean {
  return value < Number.POSITIVE_INFINITY;
}

/** Decade writes `-Infinity`, programs in C++ and Python `-inf`. */
function numberOf(text: string): number {
  return text === '-inf' ? Number.NEGATIVE_INFINITY : Number(text);
}

/** The line of a hypothesis, without a line end. */
export function formatNbestLine(sentence: number, { text, features, score, further }: NbestHypothesis): string {
  return [sentence, withEscapes(text), features, score.toFixed(6), ...further].join(` ${separator} `);
}

/** The line of one of decade's own translations. */
export function formatTranslation(sentence: number, translation: Translation): string {
  const { text, score, selected } = translation;
  const features = translationFeatures(translation);
  if (selected === undefined) return formatNbestLine(sentence, { text, features, score, further: [] });
  return formatNbestLine(sentence, { text, features: selectedFeatures(features, selected.values), score: selected.value, further: [] });
}

const penaltyFeatures = { power: 'lengthPenalty', gnmt: 'gnmtLengthPenalty' } as const;

/** Decade's features of a translation. */
export function translationFeatures({
  logProbability,
  tokenLogProbabilities,
  lengthPenalty: { kind, alpha },
  unmet = [],
  features,
}: Pick<Translation, 'logProbability' | 'tokenLogProbabilities' | 'lengthPenalty' | 'unmet' | 'features'>): string {
  if (features !== undefined) return namedFeatures(features);
  const mark = unmet.length === 0 ? '' : ` unmet= ${unmet.length}`;
  return `logProbability= ${logProbability.toFixed(6)} tokens= ${tokenLogProbabilities.length} ${penaltyFeatures[kind]}= ${alpha}${mark}`;
}

function namedFeatures(features: Readonly<Record<string, number>>): string {
  return Object.entries(features)
    .map(([name, value]) => `${name}= ${value.toFixed(6)}`)
    .join(' ');
}

/** With what each criterion of a selection says, and without the length penalty: the score is no longer divided by one. */
export function selectedFeatures(features: string, values: Readonly<Record<string, number>>): string {
  const others = Object.values(penaltyFeatures).reduce((rest, name) => rest.replace(new RegExp(`(?:^|\\s)${name}= \\S+`), ''), features);
  return [others.trim(), ...Object.entries(values).map(([name, value]) => `${name}= ${value.toFixed(6)}`)].join(' ').trim();
}

/** Which length penalty a hypothesis's score carries; undefined where its features do not say. */
export function lengthPenaltyOf(features: string): DecodingOptions['lengthPenalty'] | undefined {
  for (const kind of ['power', 'gnmt'] as const) {
    const [alpha] = featureValues(features, penaltyFeatures[kind]);
    if (alpha !== undefined && Number.isFinite(alpha)) return { kind, alpha };
  }
  return undefined;
}

/**
 * The values of a feature: `TM0` of `LM0= -12.5 TM0= -1 -3.2` has -1 and -3.2. Empty when it is not there.
 */
export function featureValues(features: string, name: string): number[] {
  const words = features.split(/\s+/);
  const start = words.indexOf(`${name}=`);
  if (start < 0) return [];
  const end = words.findIndex((word, index) => index > start && word.endsWith('='));
  return words.slice(start + 1, end < 0 ? undefined : end).map(numberOf);
}

/**
 * Groups the lines of a list by sentence, as they come; only one group is held at a time. A line that cannot be used (not
 * UTF-8, too few fields, no score, the number of a sentence before the one that was reached) is told and left out.
 *
 * @param lines  undefined for a line that is not valid UTF-8
 * @param name   of the list, for messages
 */
export async function* nbestGroups(
  lines: AsyncIterable<string | undefined> | Iterable<string | undefined>,
  name: string,
  onBadLine: BadLine,
): AsyncGenerator<NbestGroup, void, undefined> {
  let group: { sentence: number; hypotheses: NbestHypothesis[] } | undefined;
  let number = 0;
  for await (const line of lines) {
    const where = `${name}: line ${++number}`;
    try {
      if (line === undefined)
        throw new DecadeError('input', { where, received: 'bytes that are not valid UTF-8', allowed: 'text in UTF-8' });
      const { sentence, hypothesis } = parseNbestLine(line, where);
      if (group !== undefined && sentence < group.sentence) {
        throw new DecadeError('input', {
          where,
          received: `sentence ${sentence} after sentence ${group.sentence}`,
          allowed: 'sentences in order, with the hypotheses of each together',
        });
      }
      if (group !== undefined && sentence > group.sentence) {
        yield group;
        group = undefined;
      }
      group ??= { sentence, hypotheses: [] };
      group.hypotheses.push(hypothesis);
    } catch (error) {
      if (!(error instanceof DecadeError) || error.kind !== 'input') throw error;
      onBadLine(error);
    }
  }
  if (group !== undefined) yield group;
}
