import type { ParameterStore } from '../../nn/parameters.js';
import type { Device } from '../../tensor/device.js';
import type { Memory } from '../../tensor/memory.js';
import type { Runtime } from '../runtime.js';

/** Of a memory, the part that several models may share; the rest is for what is computed with them. */
const sharedPart = 1 / 2;

/**
 * Memories, and a device of this thread on each, for models that decode together. A memory ends at 4 GiB: models share one
 * while they leave half of it free, and the next that would not gets another.
 */
export class ModelMemories {
  readonly #runtime: Pick<Runtime, 'newMemory' | 'releaseMemory' | 'openDevice'>;
  readonly #gemm: string | undefined;
  readonly #memories: Memory[] = [];
  readonly #devices: Device[] = [];

  constructor(runtime: Pick<Runtime, 'newMemory' | 'releaseMemory' | 'openDevice'>, gemm: string | undefined) {
    this.#runtime = runtime;
    this.#gemm = gemm;
  }

  /** A device whose memory has room for these parameters, which are to be allocated there before the next call. */
  async deviceFor(parameters: ParameterStore): Promise<Device> {
    const last = this.#devices.at(-1);
    if (last !== undefined && hasRoom(last.memory, parameters.count * 4)) return last;
    const memory = this.#runtime.newMemory();
    this.#memories.push(memory);
    const device = await this.#runtime.openDevice(memory, { gemm: this.#gemm });
    this.#devices.push(device);
    return device;
  }

  /** When no thread uses them any more. */
  async release(): Promise<void> {
    for (const { matrix } of this.#devices) matrix.dispose();
    await Promise.all(this.#memories.map((memory) => this.#runtime.releaseMemory(memory)));
  }
}

function hasRoom({ maximumBytes, remainingBytes }: Memory, bytes: number): boolean {
  return maximumBytes - remainingBytes + bytes <= sharedPart * maximumBytes;
}
