import type { Scope } from '../device.js';
import { inPlace, type PackedMatrix, type RightMatrix } from '../matrix.js';
import type { Tensor } from '../tensor.js';

/**
 * Logits exist for this many rows at a time: more costs memory and gains nothing, fewer makes the products inefficient. Of a
 * vocabulary so large that they would take more than these bytes, for fewer.
 */
export const rowsAtATime = 400;
const mostBytes = 64 * 1024 ** 2;
/**
 * The weight is packed once for all chunks, for either product, where that takes no more than these bytes and pays: not where a library, which is faster
 * at such products, leaves packed ones to decade's own code.
 */
const mostPackedBytes = 8 * 1024 ** 2;
const leastPackedChunks = 3;

interface PredictingInput {
  readonly value: Tensor;
  readonly gradient: Tensor | undefined;
  readonly isFresh: boolean;
}

/** What predicts, and where its gradients gather, if anybody wants them. */
export interface Predictor {
  /** [rows, size] each: one prediction of every row, or several. */
  readonly inputs: readonly [PredictingInput, ...PredictingInput[]];
  /** [vocabulary, size] */
  readonly weight: { readonly value: Tensor; readonly gradient: Tensor | undefined };
}

/**
 * Computes input weightᵀ for some rows at a time, so that the logits of all rows never exist at once. `replace` is told where those of
 * each input are and the first of their rows; where gradients are wanted it leaves the gradient of the logits there.
 */
export function inLogitChunks(
  scope: Scope,
  { inputs, weight }: Predictor,
  replace: (logits: readonly number[], first: number, rows: number) => void,
): void {
  const { matrix } = scope.device;
  const [vocabulary, size] = weight.value.shape as [number, number];
  const rows = inputs[0].value.dimension(0);
  // Chunks of even size: a short last one would be inefficient.
  const chunks = Math.max(1, Math.round(rows / rowsAtATime), Math.ceil((4 * inputs.length * rows * vocabulary) / mostBytes));
  const chunkRows = Math.ceil(rows / chunks);
  const isPacked = matrix.packing === undefined && chunks >= leastPackedChunks && 4 * vocabulary * size <= mostPackedBytes;
  const packed = (right: RightMatrix) => (isPacked ? matrix.pack(right) : inPlace(right, (product) => matrix.multiply(product)));
  const toLogits = packed({ n: vocabulary, k: size, b: weight.value.offset, transposeB: true });
  const wantsInputs = inputs.some(({ gradient }) => gradient !== undefined);
  let toInputs: PackedMatrix | undefined;
  const compute = () => {
    const logits = inputs.map(() => scope.empty([chunkRows, vocabulary]).offset);
    for (let first = 0; first < rows; first += chunkRows) {
      const m = Math.min(chunkRows, rows - first);
      const at = ({ offset }: Tensor) => offset + first * size * 4;
      inputs.forEach(({ value }, index) => {
        toLogits.multiply({ m, a: at(value), c: logits[index] as number, accumulate: false });
      });
      replace(logits, first, m);
      inputs.forEach(({ value, gradient, isFresh }, index) => {
        const a = logits[index] as number;
        const sameA = gradient !== undefined;
        if (sameA) toInputs?.multiply({ m, a, c: at(gradient), accumulate: !isFresh });
        if (weight.gradient !== undefined) {
          const right = { n: size, k: m, b: at(value), transposeB: false };
          matrix.multiply({ ...right, m: vocabulary, a, transposeA: true, c: weight.gradient.offset, accumulate: true, sameA });
        }
      });
    }
  };
  try {
    if (wantsInputs) toInputs = packed({ n: size, k: vocabulary, b: weight.value.offset, transposeB: false });
    // The logits end with the loss.
    scope.arena.during(compute);
  } finally {
    toLogits.release();
    toInputs?.release();
  }
}
