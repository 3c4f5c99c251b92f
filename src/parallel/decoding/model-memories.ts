import type { ParameterStore } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import type { Memory } from '../../tensor/memory.js';
import { Memories } from '../memories.js';
import type { Runtime } from '../runtime.js';

/** Memories, and a device of this thread on each, for models that decode together. */
export class ModelMemories {
  readonly #runtime: Pick<Runtime, 'openDevice'>;
  readonly #gemm: string | undefined;
  readonly #memories: Memories;
  readonly #devices = new Map<Memory, Device>();

  constructor(runtime: Pick<Runtime, 'newMemory' | 'releaseMemory' | 'openDevice'>, gemm: string | undefined) {
    this.#runtime = runtime;
    this.#gemm = gemm;
    this.#memories = new Memories(runtime);
  }

  /** A device whose memory has room for these parameters, which are to be allocated there before the next call. */
  async deviceFor(parameters: ParameterStore): Promise<Device> {
    const memory = this.#memories.withRoom(parameters.count * 4);
    const device = this.#devices.get(memory) ?? (await this.#runtime.openDevice(memory, { gemm: this.#gemm }));
    this.#devices.set(memory, device);
    return device;
  }

  /** When no thread uses them any more. */
  async release(): Promise<void> {
    for (const { matrix } of this.#devices.values()) matrix.dispose();
    await this.#memories.release();
  }
}
