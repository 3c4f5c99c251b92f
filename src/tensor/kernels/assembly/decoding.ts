// What using a model takes, without what only training it does: all that a page loads. Its contract is ../kernels.ts.
import { prepareActivations } from './activations';
import { prepareMath } from './math';

/** Sets the constants of the elementary functions; once for each instance, before any other call. */
export function prepare(): void {
  prepareMath();
  prepareActivations();
}

export { matrixScratchBytes, matrixMultiply, matrixPackedBytes, matrixPack, matrixMultiplyPacked } from './matrix';
export { useTileRows } from './packing';
export { fill, copy, add, addMultiple, sum, tanh, addBias, exp, logScaled } from './elementwise';
export { integerPackedBytes, integerPack, integerScratchBytes, integerRows, integerMultiply, useByteDots } from './integers';
export { gatherRows, sumOfRows, scaledSumOfRows, copyColumnsIn, addColumnsOut } from './rows';
export { normalise } from './normalisation';
export { activate, gate } from './activations';
export { rotate } from './rotary';
export { headProbabilities } from './head-rows';
export { attendHeads } from './heads';
export { lstmForward } from './lstm';
export { softmaxCrossEntropy, logSoftmax } from './softmax';
export { addBiasAndNormalise, bestExtensions } from './search';
export { dotAttention, additiveAttention } from './attention';
