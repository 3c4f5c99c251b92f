import { readSync, writeSync } from 'node:fs';
import type { ForeignInterface } from '../foreign.js';

/** What a process reads and writes over its socket to MPICH's launcher: PMI 1.1, "Wire protocol". */
const messages = {
  barrier: { said: 'cmd=barrier_in\n', answer: 'cmd=barrier_out' },
  finalize: { said: 'cmd=finalize\n', answer: 'cmd=finalize_ack' },
} as const;
/** Of <poll.h>. */
const readable = 1;
/** Milliseconds between looks at the network while the launcher does not answer. */
const lookEvery = 1;

/**
 * Parts from the other processes by way of the launcher alone, instead of by `MPI_Finalize`. MPICH's device for UCX closes its connections there, and
 * then waits for the others in the launcher: whose connection needs one more look from a process that waits already waits for ever. Here a process
 * looks at the network for as long as it waits, so that what others are still to hear from it reaches them.
 *
 * @param socket  file descriptor, as the launcher passes it in PMI_FD
 * @param look    lets the library go on with what is under way
 * @throws Error for an answer of another protocol
 */
export function partByLauncher(foreign: ForeignInterface, socket: number, look: () => void): void {
  const asked = foreign.structure(8);
  asked.view.setInt32(0, socket, true);
  asked.view.setInt16(4, readable, true);
  const poll = foreign.ofProcess('poll', 'int', ['uintptr_t', 'ulong', 'int']);
  for (const { said, answer } of [messages.barrier, messages.finalize]) {
    writeSync(socket, said);
    while (poll?.(asked.address, 1, lookEvery) === 0) look();
    const received = lineFrom(socket);
    if (!received.startsWith(answer)) throw new Error(`MPICH's launcher said "${received}", not "${answer}"`);
  }
}

function lineFrom(socket: number): string {
  let line = '';
  const byte = Buffer.alloc(1);
  while (readSync(socket, byte) === 1 && byte[0] !== 10) line += byte.toString('latin1');
  return line;
}
