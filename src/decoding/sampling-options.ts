import * as z from 'zod';

/**
 * Options of sampling: how the next token is drawn from what the model predicts. They apply in the order in which they stand here,
 * each to what the one before left, with probabilities that sum to 1 again; the defaults draw from the model's own distribution.
 */
export const samplingOptions = z.strictObject({
  /** Samples per sentence or prompt, drawn independently of each other. */
  samples: z.int().min(1).max(1_000).default(1),
  /**
   * The same seed gives the same text: what is drawn depends on the seed, the number of the line, the number of the sample and the
   * position, and neither on the batch nor on the number of devices.
   */
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  /**
   * Logits of tokens that the text has already, its beginning included, are divided by this where they are positive and multiplied
   * where they are negative (Keskar et al. 2019, "CTRL", section 4.1; they use 1.2). 1: no penalty.
   */
  repetitionPenalty: z.number().min(0.01).max(100).default(1),
  /** Logits are divided by this: below 1 likely tokens become likelier. 0: always the likeliest token, as greedy search. */
  temperature: z.number().min(0).max(100).default(1),
  /** Only this many of the likeliest tokens may follow (Fan et al. 2018, "Hierarchical neural story generation"). Default: all. */
  topK: z.int().min(1).max(10_000_000).optional(),
  /** Only the fewest likeliest tokens whose probabilities sum to at least this (nucleus sampling, Holtzman et al. 2020). 1: all. */
  topP: z.number().gt(0).max(1).default(1),
  /** Only tokens that are at least this fraction as probable as the likeliest one (Nguyen et al. 2025, "Min-p sampling"). 0: all. */
  minP: z.number().min(0).max(1).default(0),
  /**
   * Only the fewest tokens whose probabilities sum to at least this, those first whose information is nearest to the entropy of the
   * distribution (Meister et al. 2023, "Locally typical sampling"). 1: all.
   */
  typical: z.number().gt(0).max(1).default(1),
});

export type SamplingOptions = z.output<typeof samplingOptions>;
