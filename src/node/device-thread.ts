import { parentPort } from 'node:worker_threads';
import { runDeviceThread } from '../parallel/device-thread.js';
import { newMemory } from './memories.js';
import { openDevice } from './open-device.js';

if (parentPort === null) throw new Error('device-thread.js is the program of a worker thread');
const port = parentPort;
runDeviceThread({
  post: (message) => port.postMessage(message),
  listen: (handler) => port.on('message', handler),
  newMemory,
  openDevice,
});
