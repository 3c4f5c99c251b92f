import { matrixProviders } from '../../src/node/native/providers.js';
import { allowRelaxedSimd } from '../../src/node/open-kernels.js';
import type { Device } from '../../src/tensor/device.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { hasRelaxedSimd } from '../../src/tensor/kernels/relaxed-simd.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { groupedAttention } from '../../src/tensor/operations/head-groups.js';
import { Memory } from '../../src/tensor/memory.js';

allowRelaxedSimd();

/** One device with the portable kernels, for tests that are not about devices. */
export async function openTestDevice(options: { relaxed?: boolean | 'auto' } = {}): Promise<Device> {
  const memory = new Memory({ shared: true });
  const kernels = await loadKernels(memory, options);
  return { memory, kernels, matrix: webAssemblyProvider(memory, kernels) };
}

/** Every kind of device that this machine has: plain and relaxed kernels, and each native matrix library. */
export async function openTestDevices(): Promise<{ name: string; device: Device }[]> {
  const devices = [{ name: 'webassembly, plain SIMD', device: await openTestDevice({ relaxed: false }) }];
  if (hasRelaxedSimd()) devices.push({ name: 'webassembly, relaxed SIMD', device: await openTestDevice({ relaxed: true }) });
  for (const gemm of ['openblas', 'mkl', 'accelerate', 'onednn', 'avx512', 'avx2'] as const) {
    const device = await openTestDevice();
    try {
      const { provider } = await matrixProviders(device.memory, device.matrix, { gemm });
      devices.push({ name: gemm, device: { ...device, matrix: provider, groupedAttention } });
    } catch {
      // Not on this machine: `decade doctor` says so, and the native run of CI has it.
    }
  }
  return devices;
}
