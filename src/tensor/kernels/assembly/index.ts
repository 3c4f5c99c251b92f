// The exports of the kernel module; their contract is ../kernels.ts.
export { prepare } from './math';
export { matrixScratchBytes, matrixMultiply, matrixPackedBytes, matrixPack, matrixMultiplyPacked } from './matrix';
export {
  fill,
  copy,
  add,
  sum,
  scale,
  addScaled,
  tanh,
  tanhGradient,
  addBias,
  addColumnSums,
  sumOfSquares,
  allFinite,
  exp,
  logScaled,
} from './elementwise';
export { gatherRows, scatterAddRows, scatterRows, copyColumnsOut, copyColumnsIn, addColumnsOut, addToTouchedRows } from './rows';
export { dropout } from './dropout';
export { lstmForward, lstmBackward } from './lstm';
export { softmaxCrossEntropy, logSoftmax, topK } from './softmax';
export { dotAttention, dotAttentionGradient, additiveAttention, additiveAttentionGradient } from './attention';
export { sgdUpdate, sgdUpdateRows, adamUpdate, adamUpdateRows, scatterTouchedRows } from './optimizers';
