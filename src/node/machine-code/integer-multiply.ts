import { randomKey, uniform } from '../../core/random.js';
import type { IntegerMultiply, LoadedKernels } from '../../tensor/kernels/load.js';
import type { Memory } from '../../tensor/memory.js';
import { ForeignInterface, MemoryAddresses } from '../foreign.js';
import { sharedExecutableMemory } from './executable-memory.js';
import { integerArguments, integerCode } from './integer-code.js';
import { vectorSupport } from './processor.js';

const panelColumns = 8;

/**
 * `integerMultiply` in machine code on a memory; undefined where the processor or the system does not allow it, or where a product of
 * several sizes differs from the portable one.
 */
export async function openIntegerMultiply(memory: Memory, kernels: LoadedKernels): Promise<IntegerMultiply | undefined> {
  const foreign = await ForeignInterface.load();
  if (!(foreign instanceof ForeignInterface) || !vectorSupport('avx2', foreign).available) return undefined;
  const code = sharedExecutableMemory(foreign, 'products of integers', integerCode);
  if (!code.available) return undefined;
  const run = foreign.functionAt(
    code.address,
    'void',
    integerArguments.map(() => 'int64_t'),
  );
  const addresses = new MemoryAddresses(memory, foreign);
  // As many of -1 as a panel has columns, then of 0.
  const masks = foreign.structure(8 * panelColumns);
  for (let at = 0; at < panelColumns; at++) masks.view.setInt32(4 * at, -1, true);

  const multiply: IntegerMultiply = (m, n, k, rows, packed, c, strideC, accumulate, tile) => {
    // Nothing to sum, or nowhere to write: not worth a case in the code.
    if (m === 0 || n === 0 || k === 0) return kernels.integerMultiply(m, n, k, rows, packed, c, strideC, accumulate, tile);
    const { base } = addresses;
    const rest = n % panelColumns;
    const mask = rest === 0 ? 0 : masks.address + 4 * (panelColumns - rest);
    const rowBytes = (kernels.integerScratchBytes(1, k) - kernels.integerScratchBytes(0, k)) as number;
    run(base + rows, base + packed, base + c, m, Math.ceil(n / panelColumns), Math.ceil(k / 4), rowBytes, 4 * strideC, mask, accumulate);
  };
  return agrees(memory, kernels, multiply) ? multiply : undefined;
}

const sizes = [
  [1, 1, 1],
  [5, 13, 7],
  [6, 16, 64],
  [13, 21, 130],
] as const;

/** Whether results have the bits of the portable kernel's. */
function agrees(memory: Memory, kernels: LoadedKernels, multiply: IntegerMultiply): boolean {
  return sizes.every(([m, n, k]) => {
    const key = randomKey(1, 'initialise', m, n, k);
    const room = (m + n) * k + m * n;
    const block = memory.allocate(4 * room + kernels.integerPackedBytes(n, k) + kernels.integerScratchBytes(m, k) + 192);
    const [a, b] = [block.offset, block.offset + 4 * m * k];
    const c = b + 4 * n * k;
    const packed = Math.ceil((c + 4 * m * n) / 64) * 64;
    const tile = Math.ceil((packed + kernels.integerPackedBytes(n, k)) / 64) * 64;
    for (let at = 0; at < room; at++) memory.f32[a / 4 + at] = uniform(key, at) - 0.5;
    kernels.integerPack(n, k, b, k, packed);
    kernels.integerRows(m, k, a, k, tile + 64);
    const results = [kernels.integerMultiply, multiply].map((each) => {
      const bits = [0, 1].map((accumulate) => {
        each(m, n, k, tile + 64, packed, c, n, accumulate, tile);
        return memory.i32.slice(c / 4, c / 4 + m * n).join();
      });
      return bits.join(';');
    });
    memory.free(block);
    return results[0] === results[1];
  });
}
