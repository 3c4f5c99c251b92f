import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lifetime } from '../../src/core/lifetime.js';

const lifetime = () => new Lifetime(() => new Error('over'));
/** Rejects with the signal's reason, a while after it aborts. */
const untilAborted = (signal: AbortSignal, ended: () => void) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () =>
      setTimeout(() => {
        ended();
        reject(signal.reason);
      }, 10),
    );
  });

describe('a lifetime', () => {
  test('ends calls that are under way, waits for them, and refuses all later ones', async () => {
    const life = lifetime();
    let ended = 0;
    const calls = [1, 2].map(() =>
      assert.rejects(
        life.run((signal) => untilAborted(signal, () => ended++)),
        /over/,
      ),
    );
    await life.end();
    assert.equal(ended, 2);
    await Promise.all(calls);
    await assert.rejects(
      life.run(() => assert.fail('may not begin')),
      /over/,
    );
    await life.end();
  });

  test('a call ends with its own signal, too, which another call does not notice', async () => {
    const life = lifetime();
    const mine = new AbortController();
    const call = assert.rejects(
      life.run((signal) => untilAborted(signal, () => {}), mine.signal),
      /mine/,
    );
    const other = life.run(async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return signal.aborted;
    });
    mine.abort(new Error('mine'));
    await call;
    assert.equal(await other, false);
    await assert.rejects(
      life.run(() => assert.fail('may not begin'), mine.signal),
      /mine/,
    );
  });

  test('does not wait for a stream that nobody reads on, and ends it at its next item', async () => {
    const life = lifetime();
    let closed = false;
    const stream = life.stream(async function* () {
      try {
        for (let item = 0; ; item++) yield item;
      } finally {
        closed = true;
      }
    });
    assert.deepEqual(await stream.next(), { value: 0, done: false });
    await life.end();
    await assert.rejects(stream.next(), /over/);
    assert.ok(closed);
    await assert.rejects(life.stream(() => assert.fail('may not begin')).next(), /over/);
  });
});
