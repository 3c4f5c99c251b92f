import { type Tokenizer, unknownId } from '../text/tokenizer.js';
import type { Hypothesis } from './beams.js';
import type { DecodingOptions } from './options.js';

/** The source words of one line, token by token. */
type SourceWords = { readonly word: (position: number) => string; readonly unknown: readonly number[] };

/**
 * What stands in the text for the `<unk>` at a position of the hypothesis (Luong et al. 2015, "Addressing the rare word
 * problem", section 3.3, with attention as the alignment; Jean et al. 2015, section 4.1). Undefined leaves ⁇.
 */
export function unknownWords(
  replacement: DecodingOptions['unknownReplacement'],
  tokenizer: Tokenizer,
  text: string,
  { ids, attention }: Pick<Hypothesis, 'ids' | 'attention'>,
): ((position: number) => string) | undefined {
  if (replacement === 'none' || !ids.includes(unknownId)) return undefined;
  const source = sourceWords(tokenizer, text);
  const unknowns = Array.from(ids.keys()).filter((position) => ids[position] === unknownId);
  return (position) => {
    const aligned = attention === undefined ? source.unknown[unknowns.indexOf(position)] : greatest(attention[position] ?? []);
    if (aligned === undefined) return '⁇';
    const word = source.word(aligned);
    return replacement === 'attention' ? word : (replacement.get(word) ?? word);
  };
}

function sourceWords(tokenizer: Tokenizer, text: string): SourceWords {
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  const normalised = tokenizer.normalise(text);
  return {
    word: (position) => normalised.slice(offsets[2 * position], offsets[2 * position + 1]),
    unknown: Array.from(ids.keys()).filter((position) => ids[position] === unknownId),
  };
}

function greatest(weights: ArrayLike<number>): number | undefined {
  let best: number | undefined;
  for (let position = 0; position < weights.length; position++) {
    if (best === undefined || (weights[position] as number) > (weights[best] as number)) best = position;
  }
  return best;
}
