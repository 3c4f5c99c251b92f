import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalDecodingExecutor } from '../../../src/decoding/local-executor.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { InitialValues } from '../../../src/nn/parameters.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { DataExecutor } from '../../../src/parallel/data/executor.js';
import { DecodingDevices } from '../../../src/parallel/decoding/devices.js';
import { type DecodingReply, type DecodingRequest, sharedModel } from '../../../src/parallel/decoding/messages.js';
import { runDeviceThread } from '../../../src/parallel/device-thread.js';
import { RemoteDevice } from '../../../src/parallel/group/remote-device.js';
import { Memories } from '../../../src/parallel/memories.js';
import type { DeviceThread } from '../../../src/parallel/runtime.js';
import { Memory } from '../../../src/tensor/memory.js';

const gemm = 'webassembly';
const vocabularies = { source: 11, target: 11 };
const options = modelOptions.parse({ kind: 'lstm', initialRange: 0.9, layers: 1, hidden: 12 });
const larger = modelOptions.parse({ kind: 'lstm', layers: 1, hidden: 24 });
const pairs = [[4, 5, 6], [7, 8], [9]].map((source) => ({ source, target: source.toReversed() }));

/** What a device thread does, on this thread, so that nothing is started. */
function deviceHere(): DeviceThread {
  let receive: (message: unknown) => void = () => {};
  let reply: (message: unknown) => void = () => {};
  runDeviceThread({
    ...nodeRuntime,
    post: (message) => queueMicrotask(() => reply(message)),
    listen: (handler) => {
      receive = handler;
    },
  });
  return {
    post: (message) => queueMicrotask(() => receive(message)),
    listen: ({ message }) => {
      reply = message;
    },
    terminate: async () => {},
  };
}

test('a device that trains in one memory decodes models in another', async () => {
  const device = deviceHere();
  const trained = createModel(larger, vocabularies);
  const rule = {
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    clip: { kind: 'none' },
    normalise: 'tokens',
    labelSmoothing: 0,
    consistency: 0,
    seed: 1,
  } as const;
  const training = await DataExecutor.start({
    runtime: { ...nodeRuntime, startThread: () => device },
    memories: new Memories(nodeRuntime),
    model: trained,
    modelOptions: larger,
    rule,
    devices: 1,
    gemm,
  });
  await training.distribute({ parameters: new InitialValues(trained.parameters, 1) });

  const memory = new Memory({ shared: true });
  const model = createModel(options, vocabularies);
  model.parameters.allocate(memory);
  model.parameters.initialise(3);
  const local = LocalDecodingExecutor.of(await nodeRuntime.openDevice(memory, { gemm }), [model]);
  const remote = new RemoteDevice<DecodingRequest, DecodingReply>(device, 'device 0', () => {});
  const decoding = await DecodingDevices.begin([remote], { members: [sharedModel(model, options, memory)], gemm });
  assert.deepEqual(await decoding.score(pairs), await local.score(pairs));
  await decoding.dispose();
  await local.dispose();
  await training.dispose();
});
