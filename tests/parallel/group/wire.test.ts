import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { Wire } from '../../../src/parallel/group/wire.js';

const slots = 4;
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const exchange = { kind: 'gather', parts: { at: [0, 4], words: [4, 4] } } as const;
const wireOf = () => Wire.make(new SharedArrayBuffer(4), memory, { ranks: 2, slots });

test('a device that looks late, when the slot has its next ticket, does not wait for ever', () => {
  const wire = wireOf();
  wire.complete(1);
  wire.complete(1 + slots);
  wire.break();
  wire.wait(1);
  wire.wait(1 + slots);
  assert.throws(() => wire.wait(1 + 2 * slots), DecadeError);
});

test('a device that is far ahead does not take the slot of an exchange that is not done', () => {
  const wire = wireOf();
  wire.leave(1, exchange);
  // It would wait; so that it does not here, nothing will be done any more.
  wire.break();
  assert.throws(() => wire.leave(1 + slots, exchange), DecadeError);
  assert.deepEqual(wire.left(1), exchange);
  wire.complete(1);
  wire.leave(1 + slots, exchange);
  assert.deepEqual(wire.left(1 + slots), exchange);
});

test('a wire is idle when all that was left in it is done', () => {
  const wire = wireOf();
  assert.ok(wire.isIdle);
  wire.leave(0, exchange);
  assert.ok(!wire.isIdle);
  wire.complete(0);
  assert.ok(wire.isIdle);
});
