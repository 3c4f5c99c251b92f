import {
  inPlace,
  type MatrixProduct,
  type MatrixProvider,
  type PackedMatrix,
  productOf,
  type RightMatrix,
  strideOfB,
  stridesOf,
} from '../matrix.js';
import type { Block, Memory } from '../memory.js';
import type { LoadedKernels } from './load.js';

/** Part of the memory that packed matrices leave to others: they only make products faster. */
const leftToOthers = 1 / 8;

/**
 * The portable matrix library: always there, the same everywhere. Scratch and packed matrices live in the memory; where that
 * is nearly full, a matrix is multiplied as it is instead of being packed.
 */
export function webAssemblyProvider(memory: Memory, kernels: LoadedKernels): MatrixProvider {
  let scratch: Block | undefined;
  const packedBlocks = new Set<Block>();

  function scratchOf(bytes: number): number {
    if (scratch === undefined || scratch.bytes < bytes) {
      if (scratch !== undefined) memory.free(scratch);
      scratch = undefined;
      scratch = memory.allocate(bytes);
    }
    return scratch.offset;
  }

  function multiply(product: MatrixProduct): void {
    const { m, n, k, a, transposeA, b, transposeB, c, accumulate } = product;
    const stride = stridesOf(product);
    const room = scratchOf(kernels.matrixScratchBytes(m, n, k));
    kernels.matrixMultiply(
      m,
      n,
      k,
      a,
      Number(transposeA),
      stride.a,
      b,
      Number(transposeB),
      stride.b,
      c,
      stride.c,
      Number(accumulate),
      room,
    );
  }

  return {
    name: 'webassembly',
    precision: 'f32',
    description: `portable kernels (${kernels.variant.replace('-', ' memory, ')} SIMD)`,
    externalBytes: 0,

    multiply,

    pack(right: RightMatrix): PackedMatrix {
      const { n, k, b, transposeB } = right;
      const bytes = kernels.matrixPackedBytes(n, k);
      const isSpare = memory.availableBytes - bytes >= leftToOthers * memory.maximumBytes;
      const block = isSpare ? memory.allocateIfPossible(bytes) : undefined;
      if (block === undefined) return inPlace(right, multiply);
      packedBlocks.add(block);
      kernels.matrixPack(n, k, b, Number(transposeB), strideOfB(right), block.offset);
      return {
        multiply: (product) => {
          const { m, a, c, accumulate } = product;
          const stride = stridesOf(productOf(right, product));
          const room = scratchOf(kernels.matrixScratchBytes(m, n, k));
          kernels.matrixMultiplyPacked(m, n, k, a, stride.a, block.offset, c, stride.c, Number(accumulate), room);
        },
        release: () => {
          if (packedBlocks.delete(block)) memory.free(block);
        },
      };
    },

    dispose(): void {
      for (const block of packedBlocks) memory.free(block);
      packedBlocks.clear();
      if (scratch !== undefined) memory.free(scratch);
      scratch = undefined;
    },
  };
}
