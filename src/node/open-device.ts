import { isMainThread, workerData } from 'node:worker_threads';
import type { DeviceOptions } from '../parallel/runtime.js';
import { bfloat16Choice, bfloat16Warning, mixedPrecision } from './native/mixed-precision.js';
import type { ProviderChoice } from './native/libraries.js';
import { matrixProviders, openMatrixProvider } from './native/providers.js';
import { openKernels } from './open-kernels.js';
import type { Device } from '../tensor/device.js';
import { loadKernels } from '../tensor/kernels/load.js';
import { webAssemblyProvider } from '../tensor/kernels/provider.js';
import { groupedAttention } from '../tensor/operations/head-groups.js';
import type { MatrixProvider } from '../tensor/matrix.js';
import type { Memory } from '../tensor/memory.js';
import { openIntegerMultiply } from './machine-code/integer-multiply.js';
import { withPointWiseCode } from './machine-code/point-wise/point-wise-kernels.js';

interface MatrixChoice {
  readonly choice: ProviderChoice;
  readonly warning: string | undefined;
}

/** The matrix library that was chosen for each wish, so that all threads of a process use the same. */
export type MatrixChoices = ReadonlyMap<string, MatrixChoice>;

const choices = new Map<string, MatrixChoice>(!isMainThread && workerData instanceof Map ? workerData : []);

/** What this thread knows, for the `workerData` of a thread it starts. */
export function matrixChoices(): MatrixChoices {
  return choices;
}

/**
 * A device on this thread: kernels, and the fastest matrix library that works here, or the one that is asked for. An exact one gives the same
 * bits on every machine: portable kernels that round every product, and integers, which machine code may multiply.
 */
export async function openDevice(memory: Memory, options: DeviceOptions = {}): Promise<Device> {
  const isExact = (options.gemm ?? process.env.DECADE_GEMM) === 'exact';
  const kernels = isExact ? await loadKernels(memory, { relaxed: false }) : await openKernels(memory);
  const portable = webAssemblyProvider(memory, kernels);
  const wish = `${options.gemm ?? ''} ${options.precision ?? 'f32'}`;
  const chosen = choices.get(wish);
  const { matrix, warning, choice } =
    chosen === undefined
      ? await choose(memory, portable, options)
      : { ...chosen, matrix: await openMatrixProvider(memory, portable, chosen.choice) };
  choices.set(wish, { choice, warning });
  if (warning !== undefined) options.warn?.(warning);
  // Of all machine code only the products of integers have the same bits on every machine.
  if (isExact) return { memory, kernels, matrix, integerMultiply: await openIntegerMultiply(memory, kernels) };
  // Whoever asks for the portable products gets no other code.
  if (choice.name === 'webassembly') return { memory, kernels, matrix };
  const [integerMultiply, faster] = [await openIntegerMultiply(memory, kernels), await withPointWiseCode(memory, kernels)];
  return { memory, kernels: faster, matrix, integerMultiply, groupedAttention };
}

async function choose(
  memory: Memory,
  portable: MatrixProvider,
  { gemm, precision }: DeviceOptions,
): Promise<MatrixChoice & { matrix: MatrixProvider }> {
  let warning: string | undefined;
  if (precision === 'bf16') {
    const { provider, report } = await mixedPrecision(memory, { gemm });
    warning = bfloat16Warning(report);
    if (provider !== undefined) return { matrix: provider, choice: bfloat16Choice, warning };
  }
  const { provider, choice } = await matrixProviders(memory, portable, { gemm });
  return { matrix: provider, choice, warning };
}
