import type { MatrixProduct, MatrixProvider, PackedMatrix } from '../matrix.js';
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

  function multiply({ m, n, k, a, transposeA, b, transposeB, c, accumulate }: MatrixProduct): void {
    const room = scratchOf(kernels.matrixScratchBytes(m, n, k));
    kernels.matrixMultiply(m, n, k, a, Number(transposeA), b, Number(transposeB), c, Number(accumulate), room);
  }

  return {
    name: 'webassembly',
    precision: 'f32',
    description: `portable kernels (${kernels.variant.replace('-', ' memory, ')} SIMD)`,
    externalBytes: 0,

    multiply,

    pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
      const bytes = kernels.matrixPackedBytes(n, k);
      if (memory.availableBytes - bytes < leftToOthers * memory.maximumBytes) {
        return {
          n,
          k,
          multiply: (m, a, c, accumulate) => multiply({ m, n, k, a, transposeA: false, b, transposeB, c, accumulate }),
          release() {},
        };
      }
      const block = memory.allocate(bytes);
      packedBlocks.add(block);
      kernels.matrixPack(n, k, b, Number(transposeB), block.offset);
      return {
        n,
        k,
        multiply: (m, a, c, accumulate) => {
          const room = scratchOf(kernels.matrixScratchBytes(m, n, k));
          kernels.matrixMultiplyPacked(m, n, k, a, block.offset, c, Number(accumulate), room);
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
