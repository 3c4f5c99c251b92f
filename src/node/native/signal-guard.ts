import type { ForeignFunction, ForeignInterface, Structure } from '../foreign.js';

/** Numbers of <signal.h>: how `pthread_sigmask` replaces a mask. */
const setMask: Readonly<Partial<Record<NodeJS.Platform, number>>> = { linux: 2, darwin: 3 };
/** SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV: a thread raises them itself, and the JavaScript engine answers some. */
const raisedByThread: Readonly<Partial<Record<NodeJS.Platform, readonly number[]>>> = {
  linux: [4, 5, 7, 8, 11],
  darwin: [4, 5, 8, 10, 11],
};
/** Room for a `sigset_t`: 128 bytes on Linux, 4 on macOS. */
const maskBytes = 128;

/**
 * Holds signals back from this thread while native code runs that they would corrupt. oneDNN 2.6's `dnnl_sgemm` keeps
 * values below its stack pointer, where a signal's handler (a resized terminal, Ctrl-C, a profiler) writes over them: the
 * heap is corrupted and the process dies, in a C program as here. Costs two system calls, under a microsecond.
 */
export class SignalGuard {
  readonly #change: ForeignFunction | undefined;
  readonly #how: number;
  readonly #allHeld: Structure;
  readonly #before: Structure;

  constructor(foreign: ForeignInterface) {
    this.#how = setMask[process.platform] ?? 0;
    this.#change =
      setMask[process.platform] === undefined ? undefined : foreign.ofProcess('pthread_sigmask', 'int', ['int', 'uintptr_t', 'uintptr_t']);
    this.#allHeld = foreign.structure(maskBytes);
    this.#before = foreign.structure(maskBytes);
    for (let byte = 0; byte < maskBytes; byte++) this.#allHeld.view.setUint8(byte, 0xff);
    for (const signal of raisedByThread[process.platform] ?? []) {
      const [byte, bit] = [(signal - 1) >> 3, (signal - 1) & 7];
      this.#allHeld.view.setUint8(byte, this.#allHeld.view.getUint8(byte) & ~(1 << bit));
    }
  }

  /** Signals that arrive from here on wait for `release`. */
  hold(): void {
    this.#change?.(this.#how, this.#allHeld.address, this.#before.address);
  }

  release(): void {
    this.#change?.(this.#how, this.#before.address, 0);
  }
}
