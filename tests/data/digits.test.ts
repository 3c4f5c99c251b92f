import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { type DigitCorpusOptions, digitPairs, digitTasks } from '../../src/data/generators/digits.js';
import { corpusSource, readPairs } from '../../src/data/sources.js';

function some(count: number, options: DigitCorpusOptions) {
  const pairs = digitPairs(options);
  return Array.from({ length: count }, () => pairs.next().value);
}

test('each task says what it is', () => {
  for (const { source, target } of some(50, { task: 'copy', part: 'train' })) assert.equal(target, source);
  for (const { source, target } of some(50, { task: 'reverse', part: 'train' })) {
    assert.equal(target, source.split(' ').toReversed().join(' '));
  }
  for (const { source, target } of some(50, { task: 'sort', part: 'dev' })) assert.equal(target, source.split(' ').toSorted().join(' '));
});

test('what is held out is in no other part, on either side, whatever the seed', () => {
  for (const task of digitTasks) {
    const trained = [1, 2].flatMap((seed) => some(5_000, { task, part: 'train', seed, longest: 5 }));
    const [dev, test] = (['dev', 'test'] as const).map((part) => some(300, { task, part, longest: 5 })) as [object[], object[]];
    for (const side of ['source', 'target'] as const) {
      const sentences = (pairs: object[]) => pairs.map((pair) => (pair as Record<string, string>)[side]);
      const seen = new Set(sentences(trained));
      assert.deepEqual(
        sentences([...dev, ...test]).filter((sentence) => seen.has(sentence)),
        [],
        `${task}, ${side}`,
      );
      const inDev = new Set(sentences(dev));
      assert.ok(sentences(test).every((sentence) => !inDev.has(sentence)));
    }
  }
});

test('every length is as likely in every part', () => {
  for (const part of ['train', 'dev'] as const) {
    const counts = new Map<number, number>();
    for (const { source } of some(3_000, { task: 'copy', part, shortest: 3, longest: 8 })) {
      const length = source.split(' ').length;
      counts.set(length, (counts.get(length) ?? 0) + 1);
    }
    assert.deepEqual([...counts.keys()].sort(), [3, 4, 5, 6, 7, 8]);
    assert.ok([...counts.values()].every((count) => count > 400 && count < 600));
  }
});

test('a seed gives the same sequences, another others', () => {
  const first = some(20, { task: 'copy', part: 'train' });
  assert.deepEqual(some(20, { task: 'copy', part: 'train' }), first);
  assert.notDeepEqual(some(20, { task: 'copy', part: 'train', seed: 2 }), first);
});

test('a configuration names the task and the lengths', async () => {
  const read = async (source: object) => {
    const pairs = [];
    for await (const pair of readPairs(memoryFiles(), corpusSource.parse(source))) pairs.push(pair);
    return pairs;
  };
  const train = await read({ generator: 'digits:reverse:4-4', pairs: 30, heldOut: 7 });
  assert.equal(train.length, 30);
  assert.ok(train.every((pair) => 'source' in pair && pair.source.split(' ').length === 4));
  assert.equal((await read({ generator: 'digits:reverse:4-4', split: 'test', heldOut: 7 })).length, 7);
  await assert.rejects(read({ generator: 'digits:copy:9-3' }), /lengths from 9 to 3/);
  assert.throws(() => corpusSource.parse({ generator: 'digits:add' }));
});
