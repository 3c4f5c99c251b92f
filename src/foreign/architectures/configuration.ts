import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import type { DecodingDefaults } from '../../decoding/options.js';
import type { SpecialIds } from '../../text/tokenizer.js';
import type { TransformerOptionsInput } from '../foreign-model.js';

/** Sizes as decade allows them; the options check how they fit together. */
export const size = z.int().min(1).max(16_384);
export const layers = z.int().min(1).max(64);
export const vocabularySize = z.int().min(2).max(2_000_000);
export const tokenId = z.int().nonnegative();
/** An id that a configuration may leave out or name as null. */
export const optionalId = tokenId.nullish();

const activationNames: Readonly<Record<string, TransformerOptionsInput['activation']>> = {
  relu: 'relu',
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  swish: 'swish',
  silu: 'swish',
};
/** Hugging Face's name of an activation as decade's. */
export const activation = z
  .string()
  .refine((name) => Object.hasOwn(activationNames, name), `expected ${Object.keys(activationNames).join(', ')}`)
  .transform((name) => activationNames[name]);

/** Hugging Face's name of decade's activation. */
export function activationName(ours: TransformerOptionsInput['activation']): string {
  return Object.entries(activationNames).find(([, own]) => own === ours)?.[0] ?? 'relu';
}

/** An option that decade's Transformer has in one way only: refused when it is set otherwise. */
export function requireOnly(where: string, key: string, received: unknown, allowed: readonly unknown[]): void {
  if (received === undefined || received === null || allowed.includes(received)) return;
  throw new DecadeError('input', {
    where: `${where}: ${key}`,
    received: JSON.stringify(received),
    allowed: allowed.map((value) => JSON.stringify(value)).join(' or '),
    next: 'decade has no such model: convert it to one of the forms in docs/imported-models.md',
  });
}

/** What `config.json` and `generation_config.json` say of decoding; the second is the newer place and comes first. */
export const generationConfiguration = z.looseObject({
  num_beams: z.int().min(1).max(1_000).nullish(),
  max_length: z.int().min(1).nullish(),
  length_penalty: z.number().min(0).max(10).nullish(),
  early_stopping: z.union([z.boolean(), z.literal('never')]).nullish(),
  no_repeat_ngram_size: z.int().min(0).max(1_000).nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId).min(1)]).nullish(),
  bos_token_id: optionalId,
  pad_token_id: optionalId,
  decoder_start_token_id: optionalId,
});
export type GenerationConfiguration = z.output<typeof generationConfiguration>;

/** The id of the end: the newer place wins, and of several the first. */
export function endOf(generation: GenerationConfiguration, fallback: number): number {
  const given = generation.eos_token_id;
  return (Array.isArray(given) ? given[0] : given) ?? fallback;
}

/** As decade's defaults for translating: `max_length` counts the start and the end. */
export function decodingOf({
  num_beams,
  max_length,
  length_penalty,
  early_stopping,
  no_repeat_ngram_size,
}: GenerationConfiguration): DecodingDefaults {
  return {
    ...(num_beams != null && { beam: num_beams }),
    beamWidth: 'constant',
    stopping: early_stopping === true ? 'first' : early_stopping === 'never' ? 'exact' : 'likely',
    ...(length_penalty != null && { lengthPenalty: { alpha: length_penalty } }),
    ...(max_length != null && max_length > 2 && { maximumLength: Math.min(100_000, max_length - 2) }),
    ...(no_repeat_ngram_size != null && no_repeat_ngram_size > 0 && { forbidRepeats: no_repeat_ngram_size }),
  };
}

/** The special ids of a model of Hugging Face. Padding and a start that is not the end as well are never written. */
export function specialOf({
  pad,
  begin,
  end,
  unknown,
}: {
  pad?: number | null | undefined;
  begin: number;
  end: number;
  unknown: number | undefined;
}): SpecialIds {
  const forbidden = [...new Set([pad ?? begin, begin])].filter((id) => id !== end);
  return { begin, end, ...(unknown !== undefined && { unknown }), forbidden };
}
