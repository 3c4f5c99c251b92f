import type { Files } from '../core/files.js';
import type { Device } from '../tensor/device.js';
import type { Memory } from '../tensor/memory.js';

/** What a platform (Node, a browser) gives the library; `platform/node` and `platform/browser` have this shape. */
export interface Runtime {
  readonly files: Files;
  /** Processor cores this process may use. */
  readonly cores: number;
  /** A device on this thread. `gemm` names a matrix provider; default: the fastest that works. */
  openDevice(memory: Memory, options?: { gemm?: string | undefined }): Promise<Device>;
  /** Whether memories can be shared with other threads. */
  readonly sharedMemory: boolean;
}
