import { type IntegerMultiply, sameIntegerProducts } from '../../tensor/kernels/integer-check.js';
import type { LoadedKernels } from '../../tensor/kernels/load.js';
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
  return sameIntegerProducts(memory, kernels, kernels.integerMultiply, multiply) ? multiply : undefined;
}
