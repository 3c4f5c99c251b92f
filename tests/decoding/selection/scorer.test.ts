import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { scorer } from '../../../src/decoding/selection/scorer.js';
import { Selection } from '../../../src/decoding/selection/selection.js';

const list = { source: 's', candidates: ['a', 'bbb', 'cc'].map((text, index) => ({ text, score: -index })) };
const order = async (of: ReturnType<typeof scorer>, signal?: AbortSignal) => {
  const [selected] = await new Selection([{ criterion: of, weight: 1 }]).select([list], { signal });
  return selected?.ranking.map(({ index }) => index);
};

test('a function of the user’s own orders the candidates', async () => {
  assert.deepEqual(await order(scorer(async (_, texts) => texts.map(({ length }) => length))), [1, 2, 0]);
});

test('scores that are missing or no numbers are refused, and keep the order where a fault is taken', async () => {
  for (const wrong of [[1, 2], [1, 2, Number.NaN], [1, '2', 3], undefined] as never[]) {
    await assert.rejects(order(scorer(() => wrong)), (error: unknown) => error instanceof DecadeError && error.kind === 'usage');
    const faults: unknown[] = [];
    assert.deepEqual(await order(scorer(() => wrong, { onFault: (fault) => faults.push(fault) })), [0, 1, 2]);
    assert.equal(faults.length, 1);
  }
});

test('is cancelled', async () => {
  const abort = new AbortController();
  const waiting = scorer(
    (_, __, { signal }) => new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    {
      onFault: () => assert.fail('cancelling is no fault'),
    },
  );
  setTimeout(() => abort.abort(new Error('enough')), 5);
  await assert.rejects(order(waiting, abort.signal), /enough/);
});
