import { DecadeError } from '../../core/errors.js';
import { shortened } from '../../core/visible-text.js';
import { type CorpusLine, sideOf } from './corpus-line.js';
import type { LineScorer } from './filter-lines.js';

/** A language model that finds texts more or less likely, each by itself: a `LoadedModel` is one, n-grams as well as a network. */
export interface TextScorer {
  scoreText(
    texts: Iterable<string>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<{ readonly documents: readonly { readonly logProbability: number; readonly tokens: number }[] }>;
}

/**
 * Cross-entropy per token (in nats, `</s>` counted) by a model of the domain minus that by a model of general text: low for lines that are
 * typical of the domain (Moore and Lewis 2010). Throws `usage` for models that have not the same tokens for a text.
 *
 * @param side  of a pair, which side the models have the language of
 */
export function crossEntropyDifference(domain: TextScorer, general: TextScorer, side: 'source' | 'target' = 'source'): LineScorer {
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
      if (one.tokens !== other.tokens) throw otherTokens(text, one.tokens, other.tokens);
      differences[index] = other.logProbability / other.tokens - one.logProbability / one.tokens;
    }
    return differences;
  };
}

function otherTokens(text: string, ofDomain: number, ofGeneral: number): DecadeError {
  return new DecadeError('usage', {
    where: 'models of the domain and of general text',
    received: `${ofDomain} and ${ofGeneral} tokens for '${shortened(text)}'`,
    allowed: 'models with the same tokens, as their costs are compared per token',
    next: 'train one with the tokenizer of the other',
  });
}
