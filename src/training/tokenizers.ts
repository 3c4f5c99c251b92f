import type { Tokenizers } from '../checkpoint/model-files.js';
import type { Files } from '../core/files.js';
import type { ReadingProgress } from '../data/corpus.js';
import { countLine, emptyReport, noUsablePair } from '../data/filter.js';
import { turns } from '../core/event-loop.js';
import { readPassages, type TextSource } from '../data/documents.js';
import { textOf } from '../data/passage.js';
import { type CorpusSource, describeSource, isText, readPairs } from '../data/sources.js';
import { grownTokenizer, trainTokenizer } from '../text/train-tokenizer.js';
import { WordCounter, type WordList } from '../text/word-list.js';
import { type TokenizersOptions, tokenizerOptionsOf } from './configuration.js';

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
  const { options, signal, source } = request;
  const where = describeSource(source);
  const wait = turns();
  const turn = () => {
    signal?.throwIfAborted();
    return wait();
  };
  if (isText(source)) {
    const passages = passageTexts(request, source, turn);
    return { target: await trainTokenizer(passages, tokenizerOptionsOf(options, 'target'), where, turn) };
  }
  const words = new WordCounter(wordOptions(options));
  const counted = (text: string) => words.add(text);
  if (options.shared) {
    const both = lines(request, ['source', 'target'], counted);
    const shared = await trainTokenizer(both, tokenizerOptionsOf(options, 'source'), where, turn);
    return { source: shared, target: shared, sourceWords: words.list() };
  }
  return {
    source: await trainTokenizer(lines(request, ['source'], counted), tokenizerOptionsOf(options, 'source'), where, turn),
    target: await trainTokenizer(lines(request, ['target']), tokenizerOptionsOf(options, 'target'), where, turn),
    sourceWords: words.list(),
  };
}

/**
 * The tokenizers for a corpus of a model that begins with another's: theirs, as far as there are any. Words and characters of a text
 * that the other did not know join its own.
 */
export async function inheritedTokenizers(request: TrainTokenizersOptions, theirs: Tokenizers): Promise<Tokenizers> {
  const { options, source, signal } = request;
  if (isText(source)) {
    const turn = () => signal?.throwIfAborted();
    const isSameKind = options.kind === theirs.target.kind && (options.kind === 'word' || options.kind === 'character');
    const target = isSameKind
      ? await grownTokenizer(
          theirs.target,
          passageTexts(request, source, async () => turn()),
          options,
        )
      : theirs.target;
    return { target };
  }
  if (theirs.source !== undefined) {
    const words = theirs.sourceWords && (await sourceWords(request)).and(theirs.sourceWords);
    return { ...theirs, sourceWords: words };
  }
  // A language model has one side only.
  if (options.shared) return { source: theirs.target, target: theirs.target, sourceWords: await sourceWords(request) };
  const own = await trainTokenizers(request);
  return { ...own, target: theirs.target };
}

/** The words of a corpus's source, for a model whose tokenizers another corpus has made. */
export async function sourceWords(request: TrainTokenizersOptions): Promise<WordList> {
  const words = new WordCounter(wordOptions(request.options));
  for await (const text of lines(request, ['source'])) words.add(text);
  return words.list();
}

function wordOptions(options: TokenizersOptions): { lowercase: boolean } {
  return { lowercase: 'lowercase' in options && options.lowercase };
}

/** What is valid UTF-8 of a text. */
async function* passageTexts(
  { files, onProgress }: TrainTokenizersOptions,
  source: TextSource,
  turn: () => Promise<void> | undefined,
): AsyncGenerator<string> {
  let bytes = 0;
  for await (const passage of readPassages(files, source)) {
    await turn();
    yield textOf(passage).text;
    bytes += passage.bytes.length;
    onProgress?.({ bytes });
  }
}

async function* lines(
  request: TrainTokenizersOptions,
  sides: readonly ('source' | 'target')[],
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
