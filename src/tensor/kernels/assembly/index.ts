// The exports of the kernel module; their contract is ../kernels.ts.
export * from './decoding';

// What only training calls.
export { tanhGradient, addColumnSums, moveGradient, sumOfSquares } from './elementwise';
export { scatterAddRows, addToTouchedRows } from './rows';
export { dropout } from './dropout';
export { normaliseGradient } from './normalisation';
export { activateGradient, gateGradient } from './activations';
export { headGradients } from './head-rows';
export { attendHeadsGradient } from './heads';
export { lstmBackward } from './lstm';
export { softmaxSliceSums, softmaxSliceGradient } from './softmax';
export { consistentCrossEntropy } from './consistency';
export { dotAttentionGradient, additiveAttentionGradient } from './attention';
export { sgdUpdate, sgdUpdateRows, adamUpdate, adamUpdateRows, scatterTouchedRows } from './optimizers';
