// The exports of the kernel module; their contract is ../kernels.ts.
import { prepareActivations } from './activations';
import { prepareMath } from './math';

/** Sets the constants of the elementary functions; once for each instance, before any other call. */
export function prepare(): void {
  prepareMath();
  prepareActivations();
}

export { matrixScratchBytes, matrixMultiply, matrixPackedBytes, matrixPack, matrixMultiplyPacked, useTileRows } from './matrix';
export {
  fill,
  copy,
  add,
  addMultiple,
  sum,
  tanh,
  tanhGradient,
  addBias,
  addColumnSums,
  moveGradient,
  sumOfSquares,
  exp,
  logScaled,
} from './elementwise';
export { integerPackedBytes, integerPack, integerScratchBytes, integerRows, integerMultiply, useByteDots } from './integers';
export { gatherRows, sumOfRows, scatterAddRows, scaledSumOfRows, copyColumnsIn, addColumnsOut, addToTouchedRows } from './rows';
export { dropout } from './dropout';
export { normalise, normaliseGradient } from './normalisation';
export { activate, activateGradient, gate, gateGradient } from './activations';
export { rotate } from './rotary';
export { headGradients, headProbabilities } from './head-rows';
export { attendHeads, attendHeadsGradient } from './heads';
export { lstmForward, lstmBackward } from './lstm';
export { softmaxCrossEntropy, softmaxSliceSums, softmaxSliceGradient, logSoftmax } from './softmax';
export { addBiasAndNormalise, bestExtensions } from './search';
export { dotAttention, dotAttentionGradient, additiveAttention, additiveAttentionGradient } from './attention';
export { sgdUpdate, sgdUpdateRows, adamUpdate, adamUpdateRows, scatterTouchedRows } from './optimizers';
