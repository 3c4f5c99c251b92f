import type { LossName, losses, OperationName, operations } from '../operations/index.js';
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
import { memoryAttention, selfAttention } from './multi-head.js';
import { normalisation } from './normalisation.js';
import type { ReferenceOf, ReferenceOfLoss } from './plain.js';
import { positionedEmbedding } from './positioned-embedding.js';
import { relativeBias } from './relative-bias.js';
import { rotary } from './rotary.js';
import { scale } from './scale.js';
import { softmaxCrossEntropy } from './softmax-cross-entropy.js';
import { stackRows } from './stack-rows.js';
import { tanh } from './tanh.js';

export type { Plain } from './plain.js';

/** The plain float64 twin of every operation. */
export const references: { readonly [Name in OperationName]: ReferenceOf<(typeof operations)[Name]> } = {
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
};

/** The plain float64 twin of every loss. */
export const lossReferences: { readonly [Name in LossName]: ReferenceOfLoss<(typeof losses)[Name]> } = {
  softmaxCrossEntropy,
  consistentCrossEntropy,
};
