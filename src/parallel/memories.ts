import type { Memory } from '../tensor/memory.js';
import type { Runtime } from './runtime.js';

/** Of a memory, the part that several may share; the rest is for what is computed. */
const sharedPart = 1 / 2;

/**
 * Memories for models that decode together, or for devices that train together. A memory ends at 4 GiB: they share one while
 * they leave half of it free, and the next that would not gets another.
 */
export class Memories {
  readonly #runtime: Pick<Runtime, 'newMemory' | 'releaseMemory'>;
  readonly #memories: { readonly memory: Memory; claimed: number }[] = [];

  constructor(runtime: Pick<Runtime, 'newMemory' | 'releaseMemory'>) {
    this.#runtime = runtime;
  }

  /** A memory with room for so many bytes, which are the caller's to allocate there, now or later. */
  withRoom(bytes: number): Memory {
    const last = this.#memories.at(-1);
    if (last !== undefined) {
      const { maximumBytes, remainingBytes } = last.memory;
      const used = Math.max(last.claimed, maximumBytes - remainingBytes);
      if (used + bytes <= sharedPart * maximumBytes) {
        last.claimed += bytes;
        return last.memory;
      }
    }
    const memory = this.#runtime.newMemory();
    this.#memories.push({ memory, claimed: bytes });
    return memory;
  }

  /** Keeps a memory from being used again: something outside may still write into it. */
  abandon(memory: Memory): void {
    const index = this.#memories.findIndex((each) => each.memory === memory);
    if (index >= 0) this.#memories.splice(index, 1);
  }

  /** When no thread uses them any more. */
  async release(): Promise<void> {
    await Promise.all(this.#memories.splice(0).map(({ memory }) => this.#runtime.releaseMemory(memory)));
  }
}
