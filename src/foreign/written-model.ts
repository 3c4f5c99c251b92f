import type { DecodingDefaults } from '../decoding/options.js';
import { specialIds, type VocabularySizes } from '../models/model.js';
import type { TransformerOptions } from '../models/transformer/options.js';
import type { SpecialIds } from '../text/tokenizer.js';

/** Positions of a model that has no limit of its own, as Marian's configurations name them. */
const usualPositions = 512;

/** A vocabulary as it is written: with the ids that it has here. */
export interface WrittenVocabulary {
  readonly size: number;
  readonly special: SpecialIds;
}

/** A model that is to be written. */
export interface WrittenModel<Options = TransformerOptions> {
  readonly options: Options;
  /** Undefined for a language model. */
  readonly source: WrittenVocabulary | undefined;
  readonly target: WrittenVocabulary;
  readonly decoding: DecodingDefaults;
  /** Tokens that it may read, where nothing limits them. */
  readonly positions: number;
}

/** What is to be written of a model, with the ids that it has here. */
export function writtenModel<Options>(
  options: Options,
  vocabularies: VocabularySizes,
  decoding: DecodingDefaults = {},
  positions = usualPositions,
): WrittenModel<Options> {
  const special = specialIds(vocabularies);
  const { source, target } = vocabularies;
  return {
    options,
    source: source === undefined ? undefined : { size: source, special: special.source },
    target: { size: target, special: special.target },
    decoding,
    positions,
  };
}

/** The token for padding: what is never written, or of Marian what decoding begins with. */
export function padOf({ begin, forbidden }: SpecialIds): number {
  return forbidden.find((id) => id !== begin) ?? begin;
}

/** The ids of special tokens, as the configuration of a language model names them. */
export function languageModelIds({ begin, end, forbidden }: SpecialIds) {
  return { bos_token_id: begin, eos_token_id: end, pad_token_id: forbidden.find((id) => id !== begin) ?? null };
}

/** The ids of special tokens, as the configuration of an encoder-decoder names them. */
export function encoderDecoderIds(special: SpecialIds) {
  const { begin, end } = special;
  return { pad_token_id: padOf(special), bos_token_id: begin, eos_token_id: end, decoder_start_token_id: begin };
}

/** What `generation_config.json` says: how the model is decoded unless a caller says otherwise. */
export function generationOf({ source, target, decoding, positions }: WrittenModel<unknown>): Readonly<Record<string, unknown>> {
  const { end, forbidden } = target.special;
  const never = forbidden.length === 0 ? {} : { bad_words_ids: forbidden.map((id) => [id]) };
  if (source === undefined) return { ...languageModelIds(target.special), ...never, max_length: positions };
  const { beam = 5, beamWidth, stopping, lengthPenalty, maximumLength, forbidRepeats } = decoding;
  return {
    ...encoderDecoderIds(target.special),
    forced_eos_token_id: end,
    ...never,
    num_beams: beam,
    max_length: maximumLength === undefined ? 512 : maximumLength + 2,
    ...(beamWidth === 'constant' && stopping !== undefined && { early_stopping: { exact: 'never', likely: false, first: true }[stopping] }),
    ...(lengthPenalty?.alpha !== undefined && { length_penalty: lengthPenalty.alpha }),
    ...(forbidRepeats !== undefined && forbidRepeats > 0 && { no_repeat_ngram_size: forbidRepeats }),
  };
}
