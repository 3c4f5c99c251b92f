import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Control, give, take, type TakeOptions } from '../../src/browser/ports.js';
import { DecadeError } from '../../src/core/errors.js';

/** A stream whose two ends are joined by a port. */
function over<Item>(open: (control: Control) => AsyncIterator<unknown>, options: TakeOptions = {}): AsyncGenerator<Item> {
  const { port1, port2 } = new MessageChannel();
  give(port2, open);
  return take<Item>(port1, options);
}

/** The first item; then the stream is left. */
async function first<Item>(items: AsyncGenerator<Item>): Promise<Item | undefined> {
  for await (const item of items) return item;
  return undefined;
}

const refusal = new DecadeError('input', { where: 'line 1', received: 'too much', allowed: 'less', cause: new Error('inner') });

test('errors of the library arrive as such, wherever in an item they are; bytes and numbers stay what they are', async () => {
  const vector = Float32Array.of(1, 2);
  async function* items() {
    yield { line: 1, warning: refusal, nbest: [{ score: -Infinity, vector }], none: undefined };
    throw refusal;
  }
  const received = over<{ warning: Error; nbest: unknown; none: undefined }>(items);
  const { value } = await received.next();
  assert.ok(value.warning instanceof DecadeError);
  assert.equal(value.warning.message, refusal.message);
  assert.deepEqual(value.nbest, [{ score: -Infinity, vector }]);
  assert.ok('none' in value);
  await assert.rejects(received.next(), (error: unknown) => error instanceof DecadeError && error.message === refusal.message);
});

test('an item is made when it is asked for, and leaving ends what makes them', async () => {
  const made: (number | string)[] = [];
  let ended = () => {};
  const end = new Promise<void>((resolve) => {
    ended = resolve;
  });
  async function* items({ signal }: Control) {
    try {
      for (let number = 1; ; number++) {
        made.push(number);
        yield number;
      }
    } finally {
      made.push(signal.aborted ? 'told to end' : 'left');
      ended();
    }
  }
  for await (const number of over<number>(items)) if (number === 2) break;
  await end;
  assert.deepEqual(made, [1, 2, 'told to end']);
});

test('a signal ends the taking at once, by its reason; a wish to stop waits for the last item', async () => {
  async function* items({ signal }: Control) {
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    yield 'saved';
  }
  const reason = new Error('enough');
  const ended = new AbortController();
  setTimeout(() => ended.abort(reason), 10);
  await assert.rejects(over(items, { signal: ended.signal }).next(), reason);
  const stopped = new AbortController();
  setTimeout(() => stopped.abort(), 10);
  assert.equal(await first(over(items, { stop: stopped.signal })), 'saved');
  assert.equal(await first(over(items, { stop: AbortSignal.abort() })), 'saved', 'stopped beforehand');
});

test('what a listener is told comes before the item, and what it throws ends the call', async () => {
  async function* items({ tell }: Control) {
    tell('onProgress', { done: 1, warning: refusal });
    yield 'item';
  }
  const told: unknown[] = [];
  const onProgress = (progress: unknown) => told.push(progress);
  assert.equal(await first(over(items, { listeners: { onProgress } })), 'item');
  assert.equal((told[0] as { warning: Error }).warning.message, refusal.message);
  const failure = new Error('of the page');
  const failing = () => {
    throw failure;
  };
  await assert.rejects(over(items, { listeners: { onProgress: failing } }).next(), failure);
});
