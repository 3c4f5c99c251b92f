import { DecadeError } from '../../core/errors.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { type CorpusLine, sideOf } from './corpus-line.js';
import type { LineScorer } from './filter-lines.js';

/** How a model reads text, as far as it decides which models can be compared. */
type Reading = Pick<Tokenizer, 'encode' | 'normalise' | 'special' | 'toJson'>;

/** A language model that finds texts more or less likely, each by itself: a `LoadedModel` is one, n-grams as well as a network. */
export interface TextScorer {
  /** Undefined: as that of the other model. */
  readonly targetTokenizer?: Reading | undefined;
  scoreText(
    texts: Iterable<string>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<{ readonly documents: readonly { readonly logProbability: number }[] }>;
}

const utf8 = new TextEncoder();

/**
 * Cross-entropy by a model of the domain minus that by a model of general text, in bits per byte (in UTF-8, `</s>` paid for): low for lines
 * that are typical of the domain (Moore and Lewis 2010). A byte is the same to models of any kind, whatever their tokens are.
 *
 * @param side  of a pair, which side the models have the language of
 * @throws DecadeError `usage` for models that do not predict the same of a text: with other tokenizers, of which one has a token for all
 *   that its vocabulary lacks, or one alone leaves out what is a capital
 */
export function crossEntropyDifference(domain: TextScorer, general: TextScorer, side: 'source' | 'target' = 'source'): LineScorer {
  requireComparable(domain.targetTokenizer, general.targetTokenizer);
  return async (lines, signal) => {
    const texts = lines.map(({ sides }: CorpusLine) => sideOf(sides, side, 'side'));
    const scored = texts.flatMap((text, index) => (text === '' ? [] : [{ text, index }]));
    const differences = new Float64Array(texts.length).fill(Number.NaN);
    if (scored.length === 0) return differences;
    const scoring = (model: TextScorer) =>
      model.scoreText(
        scored.map(({ text }) => text),
        { signal },
      );
    // One after the other: each may use all devices.
    const byDomain = await scoring(domain);
    const byGeneral = await scoring(general);
    for (const [place, { text, index }] of scored.entries()) {
      const [one, other] = [byDomain.documents[place], byGeneral.documents[place]];
      if (one === undefined || other === undefined) continue;
      differences[index] = (other.logProbability - one.logProbability) / Math.LN2 / utf8.encode(text).length;
    }
    return differences;
  };
}

function requireComparable(domain: Reading | undefined, general: Reading | undefined): void {
  if (domain === undefined || general === undefined || domain.toJson() === general.toJson()) return;
  const refused = (received: string, next: string) =>
    new DecadeError('usage', {
      where: 'models of the domain and of general text',
      received,
      allowed: 'the same tokenizer, or two by which text has all its characters and its case',
      next,
    });
  const lacking = lacksText(domain) ? 'domain' : lacksText(general) ? 'general text' : undefined;
  if (lacking !== undefined) {
    const received = `different tokenizers, and that of ${lacking} has one token, <unk>, for all that its vocabulary lacks`;
    throw refused(received, 'train them with tokenizer.kind bpe, byte-bpe or bytes, or both with one vocabulary');
  }
  if (keepsCase(domain) === keepsCase(general)) return;
  throw refused('different tokenizers, of which one converts to lower case', 'train both with the same tokenizer.lowercase');
}

/** A private character, which no text has taught a vocabulary. */
const unseen = '\u{10FFFD}';

function lacksText(tokenizer: Reading): boolean {
  return tokenizer.encode(unseen).some((id) => id === tokenizer.special.unknown);
}

function keepsCase(tokenizer: Reading): boolean {
  return tokenizer.normalise('A') !== tokenizer.normalise('a');
}
