import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { MicroBatches } from '../../src/server/micro-batches.js';
import { Refusal } from '../../src/server/refusal.js';

const limits = { window: 1, batch: 4, waiting: 10 };
const double = async (inputs: readonly number[]) => inputs.map((input) => 2 * input);
const is = (status: number) => (error: unknown) => error instanceof Refusal && error.status === status;

describe('micro-batches', () => {
  test('requests share batches of one key, in their order, and nobody gets what is another’s', async () => {
    const ran: [string, readonly number[]][] = [];
    const batches = new MicroBatches<number, number>(async (inputs, key) => {
      ran.push([key, inputs]);
      return double(inputs);
    }, limits);
    const answers = await Promise.all([...batches.submit([1, 2], 'a'), ...batches.submit([3], 'b'), ...batches.submit([4, 5, 6], 'a')]);
    assert.deepEqual(answers, [2, 4, 6, 8, 10, 12]);
    assert.deepEqual(ran, [
      ['a', [1, 2, 4, 5]],
      ['b', [3]],
      ['a', [6]],
    ]);
  });

  test('10,000 clients: what fits is answered right, the others are refused with a time, nothing is lost', async () => {
    const batches = new MicroBatches<number, number>(double, { window: 1, batch: 64, waiting: 4_096 });
    let refused = 0;
    const answers = Array.from({ length: 10_000 }, async (_, client) => {
      try {
        const [answer] = await Promise.all(batches.submit([client], 'k'));
        assert.equal(answer, 2 * client);
      } catch (error) {
        assert.ok(is(503)(error));
        assert.ok(((error as Refusal).retryAfter ?? 0) >= 1);
        refused++;
      }
    });
    await Promise.all(answers);
    assert.equal(refused, 10_000 - 4_096);
    assert.equal(batches.waiting, 0);
  });

  test('all items of a request are taken or none, and what can never fit is told apart', async () => {
    const batches = new MicroBatches<number, number>(double, limits);
    const first = Promise.all(batches.submit([1, 2, 3, 4, 5, 6], 'k'));
    assert.throws(() => batches.submit([1, 2, 3, 4, 5], 'k'), is(503));
    assert.equal(batches.waiting, 6);
    assert.throws(
      () =>
        batches.submit(
          Array.from({ length: 11 }, () => 1),
          'k',
        ),
      is(413),
    );
    assert.equal((await first).length, 6);
  });

  test('who leaves while waiting leaves the queue; a batch that nobody wants is stopped', async () => {
    let stopped = false;
    const batches = new MicroBatches<number, number>(
      (_, __, signal) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => {
            stopped = true;
            reject(signal.reason);
          }),
        ),
      { ...limits, batch: 1 },
    );
    const client = new AbortController();
    const both = batches.submit([1, 2], 'k', client.signal);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(batches.waiting, 1);
    client.abort(new Error('left'));
    for (const each of both) await assert.rejects(each, /left/);
    assert.equal(batches.waiting, 0);
    assert.ok(stopped);
    await batches.idle();
  });

  test('who comes during a batch, one in each turn of the event loop, shares the next', async () => {
    const sizes: number[] = [];
    const batches = new MicroBatches<number, number>(double, limits, (size) => sizes.push(size));
    const answers = [...batches.submit([0], 'k')];
    await answers[0];
    for (let turn = 1; turn < 4; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      answers.push(...batches.submit([turn], 'k'));
    }
    assert.deepEqual(await Promise.all(answers), [0, 2, 4, 6]);
    assert.deepEqual(sizes, [1, 3]);
  });

  test('what is held begins no batch, and those who leave meanwhile leave none behind', async () => {
    const sizes: number[] = [];
    const batches = new MicroBatches<number, number>(double, limits, (size) => sizes.push(size));
    let release = () => {};
    batches.hold(new Promise<void>((resolve) => (release = resolve)));
    const client = new AbortController();
    const left = batches.submit([1], 'k', client.signal);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(sizes, []);
    client.abort(new Error('left'));
    await assert.rejects(left[0] as Promise<number>, /left/);
    release();
    await batches.idle();
    assert.deepEqual(await Promise.all(batches.submit([2], 'k')), [4]);
    assert.deepEqual(sizes, [1]);
  });

  test('a full queue keeps nobody at the door: those for whom there is no room are told so between two batches', async () => {
    const batches = new MicroBatches<number, number>(double, { window: 1, batch: 1, waiting: 2 });
    const [first, second] = batches.submit([1, 2], 'k');
    await first;
    await new Promise((resolve) => setImmediate(resolve));
    assert.throws(() => batches.submit([3, 4], 'k'), is(503));
    assert.equal(await second, 4);
  });

  test('a request listens once, however many items it has, and not after its end', async () => {
    const batches = new MicroBatches<number, number>(double, limits);
    const { signal } = new AbortController();
    const all = batches.submit([1, 2, 3, 4, 5, 6], 'k', signal);
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    await Promise.all(all);
    await batches.idle();
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('an item that fails takes no other with it', async () => {
    const batches = new MicroBatches<number, number>(async (inputs) => {
      if (inputs.includes(2)) throw new Error('bad');
      return double(inputs);
    }, limits);
    const [one, two, three] = batches.submit([1, 2, 3], 'k');
    await assert.rejects(two as Promise<number>, /bad/);
    assert.deepEqual([await one, await three], [2, 6]);
  });
});
