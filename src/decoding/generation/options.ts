import * as z from 'zod';
import { resolveOptions } from '../../core/options.js';
import { decodingOptions } from '../options.js';
import { samplingOptions } from '../sampling-options.js';

const { forbidRepeats, forbidUnknown, batch, readAhead } = decodingOptions.shape;

/** Options of writing on from a prompt: how tokens are drawn, and where the text ends. */
export const generationOptions = z.strictObject({
  ...samplingOptions.shape,
  /** Maximum number of tokens to write, the prompt and `</s>` not counted. */
  maximumLength: z.int().min(1).max(100_000).default(256),
  /** The text ends before the first of these strings, wherever in a token it begins or ends. Empty: only `</s>` ends it. */
  stop: z.array(z.string().min(1).max(1_000)).max(100).default([]),
  /** Forbid n-grams of this many tokens from occurring twice, the prompt included; 0: no restriction. */
  forbidRepeats,
  forbidUnknown,
  /** Of a longer prompt the model reads only the last so many tokens, with a warning. */
  maximumPromptLength: z.int().min(1).max(1_000_000).default(10_000),
  /** Maximum prompts and tokens of prompts per batch (at least one prompt). Many samples reduce it further. */
  batch,
  /** Prompts of a stream to read ahead, so that several can share a batch. */
  readAhead,
});

export type GenerationOptions = z.output<typeof generationOptions>;
/** Options as a caller writes them: `{ temperature: 0.8, topK: 40, stop: ['\n'] }`. */
export type GenerationOptionsInput = z.input<typeof generationOptions>;

/**
 * The options with their defaults; `control` names what else the call takes.
 *
 * @throws DecadeError `usage` for a key or a value that is not allowed
 */
export function resolveGenerationOptions(options: GenerationOptionsInput, control: readonly string[] = []): GenerationOptions {
  return resolveOptions(generationOptions, options, 'generation options', control);
}
