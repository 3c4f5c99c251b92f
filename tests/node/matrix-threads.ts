import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { ProviderChoice } from '../../src/node/native/libraries.js';
import type { Memory } from '../../src/tensor/memory.js';
import type { Work } from './matrix-worker.js';

/** Two threads that multiply in one memory at the same time, by one library after the other. */
export class MatrixThreads {
  readonly #workers: readonly Worker[];

  constructor({ webAssembly }: Memory) {
    const program = new URL('./matrix-worker.js', import.meta.url);
    this.#workers = [1, 2].map(() => new Worker(program, { workerData: webAssembly }));
  }

  /** The largest error of each. */
  errors(choice: ProviderChoice): Promise<number[]> {
    const ready = new SharedArrayBuffer(8);
    return Promise.all(
      this.#workers.map(async (worker, at) => {
        worker.postMessage({ choice, seed: 100 * (at + 1), ready } satisfies Work);
        const [error] = (await once(worker, 'message')) as [number];
        return error;
      }),
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
