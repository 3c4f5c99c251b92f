import { unsureBelow } from '../../decoding/certainty.js';
import type { Glossary } from '../../decoding/constraints/glossary.js';
import type { PhraseChoice } from '../../decoding/constraints/sentence-phrases.js';
import { withTerms } from '../../decoding/source-line.js';
import { Refusal } from '../refusal.js';
import { type Alignment, type MarkedText, placeMarks, withoutPlaceholders } from './marks.js';
import { escapeText, stretchesOfPage, type TagHandling } from './markup.js';
import { stretchesOf } from './sentences.js';
import type { SentenceSearch, ServedModel, TranslatedSentence } from '../served-model.js';

export type TextFormat = 'text' | 'html';

/**
 * What to warn of: `unsure` (low probability), `unknownWords`, `repetition` (the mark of an invented text), `truncated`, `unmet` (a word that
 * was asked for is missing, or a forbidden one is there).
 */
export const translationFlags = ['unsure', 'unknownWords', 'repetition', 'truncated', 'unmet'] as const;
export type TranslationFlag = (typeof translationFlags)[number];

/** Words that translations must and must not have. */
export interface WordChoice extends PhraseChoice {
  /** Asks of the sentences that have one of its terms. */
  readonly glossary?: Glossary | undefined;
}

export interface TranslatedText {
  readonly text: string;
  /** Other translations of the whole, best first, without duplicates. Empty for HTML and for text with placeholders. */
  readonly alternatives: readonly string[];
  /** The n-best list: of every sentence its k-th best. */
  readonly nbest: readonly { readonly text: string; readonly logProbability: number }[];
  /** Sum over all tokens, in nats. */
  readonly logProbability: number;
  /** Mean log-probability per token. */
  readonly score: number;
  readonly sentences: readonly TranslatedSentence[];
  readonly flags: readonly TranslationFlag[];
  /** What was asked of a sentence and is not met: `must have chat | chatte`. */
  readonly unmet: readonly string[];
}

interface TextRequest extends SentenceSearch {
  readonly format: TextFormat;
  /** Of HTML: elements that are handled otherwise. */
  readonly tags?: TagHandling | undefined;
  readonly words?: WordChoice | undefined;
  readonly signal: AbortSignal;
  /** Told of every sentence in the order of the text, as soon as it and those before it are done. */
  readonly onSentence?: ((source: string, target: string) => Promise<void> | void) | undefined;
}

/**
 * Translates texts of any length with one model: cuts them into sentences, which share batches, and puts these together again.
 *
 * @throws Refusal 400 where a text of several sentences must have words: nothing says which of them
 */
export async function translateTexts(model: ServedModel, texts: readonly string[], request: TextRequest): Promise<TranslatedText[]> {
  const language = model.languages?.source ?? 'en';
  const passages = texts.map((text) => passagesOf(text, request).map((passage) => new Passage(passage, language, request.format)));
  for (const ofText of passages) requireOneSentence(ofText, request);
  const all = passages.flat();
  // All sentences of a request are accepted or none, and those without marks need no attention.
  const [plain, marked] = [all.filter(({ isMarked }) => !isMarked), all.filter(({ isMarked }) => isMarked)];
  await Promise.all([submit(model, plain, request), submit(model, marked, { ...request, attention: true })]);
  const apart = marked.filter(({ isAligned }) => !isAligned);
  for (const passage of apart) {
    passage.cutAtMarks();
    requireOneSentence([passage], request);
  }
  await submit(model, apart, request);
  if (request.onSentence !== undefined) for (const passage of all) await passage.tell(request.onSentence);
  return passages.map((ofText) => textOf(ofText, request));
}

function requireOneSentence(passages: readonly Passage[], { words: { must = [] } = {} }: TextRequest): void {
  const sentences = passages.reduce((sum, passage) => sum + passage.sentences.length, 0);
  if (must.length === 0 || sentences <= 1) return;
  throw new Refusal(
    400,
    `must: a text of ${sentences} sentences; expected one sentence, for nothing says which has it. Send them one by one, or use a glossary`,
    { parameter: 'must' },
  );
}

function passagesOf(text: string, { format, tags }: TextRequest): MarkedText[] {
  if (format === 'text') return [withoutPlaceholders(text)];
  return stretchesOfPage(text, tags).map((stretch) =>
    stretch.kind === 'text' ? stretch.text : { plain: '', marks: [{ start: 0, end: 0, open: stretch.text, close: '' }] },
  );
}

async function submit(
  model: ServedModel,
  passages: readonly Passage[],
  { beam, nbest, attention, diversity, select, words: { glossary, ...words } = {}, signal, onSentence }: TextRequest,
): Promise<void> {
  const lines = passages.flatMap(({ sentences }) => sentences.map((text) => withTerms({ text, ...words }, glossary)));
  if (lines.length === 0) return;
  const search: SentenceSearch = { beam, nbest, attention, diversity, select };
  const promises = model.sentences.submit(lines, JSON.stringify(search), signal);
  const settled = Promise.all(promises);
  settled.catch(() => {});
  const ofPassages = passages.map((passage) => ({ passage, found: promises.splice(0, passage.sentences.length) }));
  for (const { passage, found } of ofPassages) {
    for (const each of found) {
      passage.translated.push(await each);
      if (onSentence !== undefined && !passage.isMarked) await passage.tell(onSentence, passage.translated.length);
    }
  }
}

/** Text between two blocks of a page, or a whole plain text. */
class Passage {
  readonly translated: TranslatedSentence[] = [];
  readonly #text: MarkedText;
  readonly #format: TextFormat;
  readonly #language: string;
  #stretches: ReturnType<typeof stretchesOf>;
  #isApart = false;
  #told = 0;

  constructor(text: MarkedText, language: string, format: TextFormat) {
    this.#text = text;
    this.#format = format;
    this.#language = language;
    this.#stretches = stretchesOf(text.plain, language);
  }

  get isMarked(): boolean {
    return this.#text.marks.length > 0;
  }

  get sentences(): string[] {
    return this.#stretches.filter(({ kind }) => kind === 'sentence').map(({ text }) => text);
  }

  /** Whether the model says what comes from where. */
  get isAligned(): boolean {
    return this.#isApart || this.translated.every(({ alignment, result }) => alignment !== undefined || result.text === '');
  }

  /** For a model without attention: what stands between two marks is translated by itself. */
  cutAtMarks(): void {
    const { plain, marks } = this.#text;
    this.#isApart = true;
    this.translated.length = 0;
    const places = [...new Set([0, ...marks.flatMap(({ start, end }) => [start, end]), plain.length])].sort((a, b) => a - b);
    this.#stretches = places.flatMap((place, index) => stretchesOf(plain.slice(place, places[index + 1] ?? place), this.#language));
  }

  /** Tells of sentences that were not told yet, up to the `until`-th. */
  async tell(onSentence: NonNullable<TextRequest['onSentence']>, until = Infinity): Promise<void> {
    const sentences = this.sentences;
    for (; this.#told < Math.min(until, sentences.length); this.#told++) {
      await onSentence(sentences[this.#told] as string, this.translated[this.#told]?.result.text ?? '');
    }
  }

  /** The translation with the `rank`-th best of every sentence; the best where there are fewer. */
  written(rank = 0): string {
    const asWritten = this.#format === 'html' ? escapeText : (text: string) => text;
    const alignment: { target: [number, number]; source: [number, number] }[] = [];
    let [text, at, sentence] = ['', 0, 0];
    for (const stretch of this.#stretches) {
      const found = stretch.kind === 'sentence' ? this.translated[sentence++] : undefined;
      const target = found === undefined ? stretch.text : (found.result.nbest[rank]?.text ?? found.result.text);
      if (found?.alignment === undefined)
        alignment.push({ target: [text.length, text.length + target.length], source: [at, at + stretch.text.length] });
      for (const token of found?.alignment ?? []) {
        alignment.push({ target: shifted(token.target, text.length), source: shifted(token.source, at) });
      }
      text += target;
      at += stretch.text.length;
    }
    return placeMarks(this.#text, text, alignment satisfies Alignment, asWritten);
  }
}

function shifted([start, end]: readonly [number, number], by: number): [number, number] {
  return [start + by, end + by];
}

function textOf(passages: readonly Passage[], { nbest, format }: TextRequest): TranslatedText {
  const sentences = passages.flatMap(({ translated }) => translated);
  const written = (rank: number) => passages.map((passage) => passage.written(rank)).join('');
  const list = Array.from({ length: format === 'html' || passages.some(({ isMarked }) => isMarked) ? 1 : nbest }, (_, rank) => ({
    text: written(rank),
    logProbability: sum(sentences.map(({ result }) => (result.nbest[rank] ?? result).logProbability)),
  }));
  const [{ text, logProbability } = { text: '', logProbability: 0 }] = list;
  const distinct = list.filter((each, rank) => each.text.trim() !== '' && list.findIndex((other) => other.text === each.text) === rank);
  const tokens = sum(sentences.map(({ result }) => result.tokenLogProbabilities.length));
  return {
    text,
    alternatives: distinct.map((each) => each.text).filter((other) => other !== text),
    nbest: list,
    logProbability,
    score: tokens === 0 ? 0 : logProbability / tokens,
    sentences,
    flags: flagsOf(sentences),
    unmet: [...new Set(sentences.flatMap(({ result }) => result.unmet ?? []))],
  };
}

function flagsOf(sentences: readonly TranslatedSentence[]): TranslationFlag[] {
  const flags = new Set<TranslationFlag>();
  for (const { result } of sentences) {
    if (result.meanProbability < unsureBelow) flags.add('unsure');
    if (result.unknownSourceWords.length > 0) flags.add('unknownWords');
    if (result.warning !== undefined) flags.add('truncated');
    if ((result.unmet ?? []).length > 0) flags.add('unmet');
    if (/(\S+(?:\s+\S+){0,3})(?:\s+\1){3}/u.test(result.text)) flags.add('repetition');
  }
  return [...flags];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
