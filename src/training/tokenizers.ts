import type { Tokenizers } from '../checkpoint/model-files.js';
import type { Files } from '../core/files.js';
import type { ReadingProgress } from '../data/corpus.js';
import { countLine, emptyReport, noUsablePair } from '../data/filter.js';
import { turns } from '../core/event-loop.js';
import { readPassages, type TextSource } from '../data/documents.js';
import { textOf } from '../data/passage.js';
import { type CorpusSource, describeSource, isText, readPairs } from '../data/sources.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { grownTokenizer, largestSize, trainTokenizer } from '../text/train-tokenizer.js';
import { WordCounter, type WordList } from '../text/word-list.js';
import { type TokenizersOptions, tokenizerOptionsOf } from './configuration.js';
import type { InitPart } from './request.js';

type Side = 'source' | 'target';

export interface TrainTokenizersOptions {
  readonly files: Files;
  readonly source: CorpusSource;
  readonly options: TokenizersOptions;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: ReadingProgress) => void;
}

/**
 * Trains both sides' tokenizers on a corpus, read once when they share one and once a side otherwise, and notes the words of
 * its source. Of a text there is one.
 */
export async function trainTokenizers(request: TrainTokenizersOptions): Promise<Tokenizers> {
  if (isText(request.source)) return { target: await trainedFor(request, 'target') };
  const words = new WordCounter(wordOptions(request.options));
  const counted = (text: string) => words.add(text);
  if (request.options.shared) {
    const shared = await trainedFor(request, 'source', lines(request, ['source', 'target'], counted));
    return { source: shared, target: shared, sourceWords: words.list() };
  }
  return {
    source: await trainedFor(request, 'source', lines(request, ['source'], counted)),
    target: await trainedFor(request, 'target'),
    sourceWords: words.list(),
  };
}

/** A tokenizer as the options of a side say, by default trained on that side. */
async function trainedFor(request: TrainTokenizersOptions, side: Side, texts = textsOf(request, [side])): Promise<Tokenizer> {
  const wait = turns();
  const turn = () => {
    request.signal?.throwIfAborted();
    return wait();
  };
  return trainTokenizer(texts, tokenizerOptionsOf(request.options, side), describeSource(request.source), turn);
}

/** Of a model that begins with another, or of a translator one part. */
export interface InheritTokenizersOptions extends TrainTokenizersOptions {
  readonly into: InitPart;
}

/**
 * The tokenizers for a corpus of a model that begins with another's: theirs, as far as there are any. Words and characters of the
 * corpus that the other did not know join its own.
 */
export async function inheritedTokenizers(request: InheritTokenizersOptions, theirs: Tokenizers): Promise<Tokenizers> {
  if (isText(request.source)) return { target: await grownFor(request, theirs.target, ['target']) };
  const words = await sourceWords(request);
  const known = theirs.source === undefined ? words : theirs.sourceWords && words.and(theirs.sourceWords);
  const { source = theirs.target, target } = theirs;
  const { own } = tokenizerUse(request, theirs);
  if (own === undefined && source === target) {
    const shared = await grownFor(request, target, ['source', 'target']);
    return { source: shared, target: shared, sourceWords: known };
  }
  const forSide = (side: Side, theirs: Tokenizer) => (side === own ? trainedFor(request, side) : grownFor(request, theirs, [side]));
  return { source: await forSide('source', source), target: await forSide('target', target), sourceWords: known };
}

/** What a configuration's options of tokenizers do where those of another model are taken. */
export interface TokenizerUse {
  /** The side of pairs that has a tokenizer of its own, as the options say: a language model has one side only. */
  readonly own: Side | undefined;
  /** Whether they decide if both sides have one. */
  readonly choosesSharing: boolean;
  /** Whether another's vocabulary grows as far as they let it. */
  readonly grows: boolean;
}

export function tokenizerUse(
  { options, source, into }: Pick<InheritTokenizersOptions, 'options' | 'source' | 'into'>,
  theirs: Tokenizers,
): TokenizerUse {
  const choosesSharing = theirs.source === undefined && !isText(source);
  const own = !choosesSharing || options.shared ? undefined : into === 'encoder' ? 'target' : 'source';
  return { own, choosesSharing, grows: [theirs.source, theirs.target].some((tokenizer) => tokenizer && canGrow(options, tokenizer)) };
}

type ClosedOptions = Extract<TokenizersOptions, { kind: 'word' | 'character' }>;

/** By as many words or characters as the options have room for, which are about this kind. */
function canGrow(options: TokenizersOptions, { kind }: Tokenizer): options is ClosedOptions {
  return options.kind === kind && (options.kind === 'word' || options.kind === 'character');
}

/** Another model's tokenizer for sides of a corpus, grown where it can. */
async function grownFor(request: TrainTokenizersOptions, tokenizer: Tokenizer, sides: readonly Side[]): Promise<Tokenizer> {
  const { options } = request;
  if (!canGrow(options, tokenizer)) return tokenizer;
  const size = Math.max(...sides.map((side) => largestSize(tokenizerOptionsOf(options, side))));
  return grownTokenizer(tokenizer, textsOf(request, sides), { size, minimumCount: options.minimumCount });
}

/** How much of a side of a corpus a vocabulary that was made for another lacks. */
export interface UnknownTokens {
  readonly side: Side;
  readonly tokens: number;
  /** Those that are `<unk>`. */
  readonly unknown: number;
  /** Those that are bytes of characters which the vocabulary lacks. */
  readonly bytes: number;
}

/** What a corpus has that inherited tokenizers lack, by side. A side with a tokenizer of its own has one made for it. */
export async function unknownTokens(request: InheritTokenizersOptions, theirs: Tokenizers, ours: Tokenizers): Promise<UnknownTokens[]> {
  const sides: UnknownTokens[] = [];
  const { own } = tokenizerUse(request, theirs);
  for (const side of ['source', 'target'] as const) {
    const tokenizer = ours[side];
    // Bytes spell everything.
    if (tokenizer === undefined || tokenizer.kind === 'bytes' || tokenizer.kind === 'byte-bpe' || side === own) continue;
    const found = { side, tokens: 0, unknown: 0, bytes: 0 };
    for await (const text of textsOf(request, [side])) {
      for (const id of tokenizer.encode(text)) {
        found.tokens++;
        if (id === tokenizer.special.unknown) found.unknown++;
        else if (tokenizer.isUnknown(id)) found.bytes++;
      }
    }
    if (found.unknown + found.bytes > 0) sides.push(found);
  }
  return sides;
}

/** In words; empty when nothing is lacking. */
export function describeUnknown(sides: readonly UnknownTokens[]): string {
  return sides
    .flatMap(({ side, tokens, unknown, bytes }) => {
      const of = (count: number, what: string) =>
        count === 0 ? [] : [`of ${figure(tokens)} tokens of the ${side} ${figure(count)} are ${what}`];
      return [...of(unknown, '<unk>'), ...of(bytes, 'bytes of characters that the vocabulary lacks')];
    })
    .join('; ');
}

const figure = (count: number) => count.toLocaleString('en');

/** The words of a corpus's source, for a model whose tokenizers another corpus has made. */
export async function sourceWords(request: TrainTokenizersOptions): Promise<WordList> {
  const words = new WordCounter(wordOptions(request.options));
  for await (const text of lines(request, ['source'])) words.add(text);
  return words.list();
}

function wordOptions(options: TokenizersOptions): { lowercase: boolean } {
  return { lowercase: 'lowercase' in options && options.lowercase };
}

/** Of sides of pairs, or of a text. */
function textsOf(request: TrainTokenizersOptions, sides: readonly Side[]): AsyncGenerator<string> {
  return isText(request.source) ? passageTexts(request, request.source) : lines(request, sides);
}

/** What is valid UTF-8 of a text. */
async function* passageTexts({ files, signal, onProgress }: TrainTokenizersOptions, source: TextSource): AsyncGenerator<string> {
  const wait = turns();
  let bytes = 0;
  for await (const passage of readPassages(files, source)) {
    signal?.throwIfAborted();
    await wait();
    yield textOf(passage).text;
    bytes += passage.bytes.length;
    onProgress?.({ bytes });
  }
}

async function* lines(
  request: TrainTokenizersOptions,
  sides: readonly Side[],
  onSource: (text: string) => void = () => {},
): AsyncGenerator<string> {
  const report = emptyReport();
  for await (const pair of readPairs(request.files, request.source)) {
    if (report.read % 1_000 === 0) {
      request.signal?.throwIfAborted();
      request.onProgress?.({ lines: report.read });
    }
    countLine(report, pair.line, 'unusable' in pair ? pair.unusable : undefined);
    if ('unusable' in pair) continue;
    onSource(pair.source);
    for (const side of sides) yield pair[side];
  }
  if (report.kept === 0) throw noUsablePair(describeSource(request.source), report);
}
