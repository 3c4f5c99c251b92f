import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Memory } from '../../src/tensor/memory.js';
import { SpareRooms } from '../../src/tensor/spare-rooms.js';
import { Tensor } from '../../src/tensor/tensor.js';

const memory = new Memory({ shared: true });
const room = (...shape: number[]) => new Tensor(memory, memory.allocate(4 * shape.reduce((size, count) => size * count, 1)).offset, shape);

test('what is put into a spare room takes the smallest that is large enough, and none that is much too large', () => {
  const rooms = new SpareRooms();
  const [large, small, huge] = [room(3, 8), room(4, 4), room(10, 10)];
  for (const spare of [large, small, huge]) rooms.give(spare);
  assert.equal(rooms.take([5, 3])?.offset, small.offset);
  assert.equal(rooms.take([5, 3])?.offset, large.offset);
  assert.equal(rooms.take([5, 3]), undefined);
});

test('a room of which a part was taken is spare as a whole again', () => {
  const rooms = new SpareRooms();
  const whole = room(3, 8);
  rooms.give(whole);
  const part = rooms.take([20]);
  assert.ok(part);
  rooms.give(part);
  assert.equal(rooms.take([24])?.offset, whole.offset);
});
