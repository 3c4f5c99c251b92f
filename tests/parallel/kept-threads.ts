import { after } from 'node:test';
import { nodeRuntime } from '../../src/node/runtime.js';
import type { DeviceThread, Runtime } from '../../src/parallel/runtime.js';

/** A thread and who listens to it now. */
interface KeptThread {
  readonly thread: DeviceThread;
  listener: Parameters<DeviceThread['listen']>[0] | undefined;
}

const idle: KeptThread[] = [];
after(() => Promise.all(idle.map(({ thread }) => thread.terminate())));

/**
 * Node's runtime, but a thread that an executor has ended with is kept for the next one of the test file, which tells it all
 * anew: to start a thread takes longer than most of these tests compute. Not for tests in which threads die, or are ended
 * while they work.
 */
export const keptThreads: Runtime = { ...nodeRuntime, startThread };

function startThread(): DeviceThread {
  const kept = idle.pop() ?? newThread();
  let isEnded = false;
  return {
    post: (message) => kept.thread.post(message),
    listen: (listener) => {
      kept.listener = listener;
    },
    async terminate() {
      if (!isEnded) idle.push(kept);
      isEnded = true;
      kept.listener = undefined;
    },
  };
}

function newThread(): KeptThread {
  const kept: KeptThread = { thread: nodeRuntime.startThread(), listener: undefined };
  kept.thread.listen({
    message: (message) => kept.listener?.message(message),
    failure: (reason) => kept.listener?.failure(reason),
  });
  return kept;
}
