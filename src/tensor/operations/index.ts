import { activatedLinear } from './activated-linear.js';
import { add } from './add.js';
import { additiveAttention, dotAttention } from './attention.js';
import { concatenate } from './concatenate.js';
import { consistentCrossEntropy } from './consistent-cross-entropy.js';
import { dropout } from './dropout.js';
import { embedding } from './embedding.js';
import { gatherRows } from './gather-rows.js';
import { linear } from './linear.js';
import { lstm } from './lstm.js';
import { memoryAttention } from './memory-attention.js';
import { normalisation } from './normalisation.js';
import { positionedEmbedding } from './positioned-embedding.js';
import { relativeBias } from './relative-bias.js';
import { rotary } from './rotary.js';
import { scale } from './scale.js';
import { selfAttention } from './self-attention.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';
import { stackRows } from './stack-rows.js';
import { tanh } from './tanh.js';

/** Every differentiable operation. An entry without a twin in `reference/` or a case in the tests does not compile. */
export const operations = {
  activatedLinear,
  add,
  additiveAttention,
  concatenate,
  dotAttention,
  dropout,
  embedding,
  gatherRows,
  linear,
  lstm,
  memoryAttention,
  normalisation,
  positionedEmbedding,
  relativeBias,
  rotary,
  scale,
  selfAttention,
  stackRows,
  tanh,
} as const;

/** Every loss. */
export const losses = { softmaxCrossEntropy, consistentCrossEntropy } as const;

export type OperationName = keyof typeof operations;
export type LossName = keyof typeof losses;
