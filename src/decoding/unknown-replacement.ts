import { normalise } from '../text/normalisation.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Hypothesis } from './search-rows.js';
import type { DecodingOptions } from './options.js';

/** The source words of one line, token by token. */
type SourceWords = { readonly word: (position: number) => string; readonly unknown: readonly number[] };

/**
 * Puts something in the place of `<unk>` (Luong et al. 2015, "Addressing the rare word problem", section 3.3, with attention
 * as the alignment; Jean et al. 2015, section 4.1).
 */
export class UnknownReplacement {
  readonly #replacement: DecodingOptions['unknownReplacement'];
  readonly #tokenizer: Tokenizer;
  readonly #unknownId: number | undefined;
  #dictionary: ReadonlyMap<string, string> | undefined;

  /** `unknownId`: that of the target, if it has one. */
  constructor(replacement: DecodingOptions['unknownReplacement'], sourceTokenizer: Tokenizer, unknownId: number | undefined) {
    this.#replacement = replacement;
    this.#tokenizer = sourceTokenizer;
    this.#unknownId = unknownId;
  }

  /** What stands in the text for the `<unk>` at a position of the hypothesis. Undefined leaves ⁇. */
  of(text: string, { ids, attention }: Pick<Hypothesis, 'ids' | 'attention'>): ((position: number) => string) | undefined {
    const unknownId = this.#unknownId;
    if (this.#replacement === 'none' || unknownId === undefined || !ids.includes(unknownId)) return undefined;
    const source = sourceWords(this.#tokenizer, text);
    const unknowns = Array.from(ids.keys()).filter((position) => ids[position] === unknownId);
    return (position) => {
      const aligned = attention === undefined ? source.unknown[unknowns.indexOf(position)] : greatest(attention[position] ?? []);
      if (aligned === undefined) return '⁇';
      const word = source.word(aligned);
      return this.#entries().get(word) ?? word;
    };
  }

  /** The dictionary with its words in the form in which the model sees the source. */
  #entries(): ReadonlyMap<string, string> {
    const given = typeof this.#replacement === 'string' ? [] : [...this.#replacement];
    this.#dictionary ??= new Map(given.map(([word, translation]) => [this.#tokenizer.normalise(word), normalise(translation)]));
    return this.#dictionary;
  }
}

function sourceWords(tokenizer: Tokenizer, text: string): SourceWords {
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  const normalised = tokenizer.normalise(text);
  return {
    word: (position) => normalised.slice(offsets[2 * position], offsets[2 * position + 1]),
    unknown: Array.from(ids.keys()).filter((position) => ids[position] === tokenizer.special.unknown),
  };
}

function greatest(weights: ArrayLike<number>): number | undefined {
  let best: number | undefined;
  for (let position = 0; position < weights.length; position++) {
    if (best === undefined || (weights[position] as number) > (weights[best] as number)) best = position;
  }
  return best;
}
