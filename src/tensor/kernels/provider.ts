import type { MatrixProduct, MatrixProvider, PackedMatrix } from '../matrix.js';
import type { Block, Memory } from '../memory.js';
import type { LoadedKernels } from './load.js';

/** The portable matrix library: always there, the same everywhere. Scratch and packed matrices live in the memory. */
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

  return {
    name: 'webassembly',
    precision: 'f32',
    description: `portable kernels (${kernels.variant.replace('-', ' memory, ')} SIMD)`,
    externalBytes: 0,

    multiply({ m, n, k, a, transposeA, b, transposeB, c, accumulate }: MatrixProduct): void {
      const room = scratchOf(kernels.matrixScratchBytes(m, n, k));
      kernels.matrixMultiply(m, n, k, a, Number(transposeA), b, Number(transposeB), c, Number(accumulate), room);
    },

    pack(n: number, k: number, b: number, transposeB: boolean): PackedMatrix {
      const block = memory.allocate(kernels.matrixPackedBytes(n, k));
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
