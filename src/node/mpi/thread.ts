import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { ForeignInterface } from '../foreign.js';
import { MpiLibrary } from './library.js';
import type { NetworkOrder, NetworkReport, NetworkStart } from './messages.js';
import { Messenger } from './messenger.js';

if (parentPort === null) throw new Error('thread.js is the program of a worker thread');
const port = parentPort;
const { launched, bell, orders, silenceSeconds } = workerData as NetworkStart;
const report = (message: NetworkReport) => port.postMessage(message);

try {
  const foreign = await ForeignInterface.load();
  const library = foreign instanceof ForeignInterface ? MpiLibrary.open(foreign, launched.launcher) : foreign;
  if (!(library instanceof MpiLibrary) || !(foreign instanceof ForeignInterface)) {
    report({ kind: 'missing', reason: 'reason' in library ? library.reason : '' });
  } else {
    const { rank, size } = library.start();
    report({ kind: 'started', rank, size, library: library.file });
    // One process alone was not joined to the others: it is told so, and ends.
    if (size === launched.size) {
      const take = () => (receiveMessageOnPort(orders) as { message: NetworkOrder } | undefined)?.message;
      new Messenger({ library, foreign, rank, size, bell: new Int32Array(bell), silenceSeconds, take, report }).run();
      report({ kind: 'parted', library: library.end() });
    }
  }
} catch (error) {
  report({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
}
// What the library started would keep the thread.
port.unref();
orders.close();
