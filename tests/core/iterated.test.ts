import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { iterated } from '../../src/core/iterated.js';

test('gives every item in order, and produces no further than was asked', async () => {
  const log: string[] = [];
  const items = iterated<number>(async (give) => {
    for (const item of [1, 2, 3]) {
      log.push(`made ${item}`);
      await give(item);
    }
  });
  await sleep(1);
  assert.equal(log.length, 0, 'nothing before the first is asked for');
  for await (const item of items) {
    await sleep(1);
    log.push(`took ${item}`);
  }
  assert.deepEqual(log, ['made 1', 'took 1', 'made 2', 'took 2', 'made 3', 'took 3']);
});

test('throws what the producer throws, after the items before it, also when it fails while nobody asks', async () => {
  const failing = iterated<number>(async (give) => {
    await give(1);
    throw new Error('broken');
  });
  assert.deepEqual(await failing.next(), { done: false, value: 1 });
  await assert.rejects(failing.next(), /broken/);
  const impatient = iterated<number>(async (give) => {
    await Promise.race([give(1), Promise.reject(new Error('no longer'))]);
  });
  assert.deepEqual(await impatient.next(), { done: false, value: 1 });
  await sleep(1);
  await assert.rejects(impatient.next(), /no longer/);
});

test('ends its producer when its reader leaves, and waits for its end', async () => {
  let ended = false;
  const endless = iterated<number>(async (give) => {
    try {
      for (let item = 0; ; item++) await give(item);
    } finally {
      await sleep(5);
      ended = true;
    }
  });
  for await (const item of endless) if (item === 3) break;
  assert.ok(ended);
});
