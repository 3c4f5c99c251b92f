import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { reproduce } from '../../src/experiments/reproduce.js';
import { keptThreads } from '../parallel/kept-threads.js';

test('an English corpus is asked about the voice of the verb, too, beside two controls', async () => {
  const names = ['Mary', 'John', 'Tom', 'Alice', 'Peter'];
  const lines = names.flatMap((one) => names.map((other) => `${one} likes to see ${other} today.\t${one} aime voir ${other}.\n`));
  const corpus = { tsv: 'corpus' };
  const { account } = await reproduce(
    { ...keptThreads, files: memoryFiles({ corpus: lines.join('') }), sharedMemory: false },
    'sentence-map',
    {
      configuration: {
        version: 1,
        data: { source: 'en', target: 'fr', train: corpus, dev: corpus },
        tokenizer: { kind: 'bpe', size: 300 },
        model: { kind: 'lstm', layers: 1, hidden: 8 },
        training: { optimizer: { kind: 'adam', learningRate: 0.003 }, batch: { sentences: 8 }, stop: { steps: 2 } },
      },
      ...{ out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.01 },
    },
  );
  const [order, voice, ...groups] = account.rows;
  const ratio = /^[\d.]+ \([\d.]+ to [\d.]+\)$/;
  assert.match(order?.[0] ?? '', /\(20 sentences\)$/);
  assert.match(voice?.[0] ?? '', /passive voice.*\(72 sentences\)$/);
  for (const row of [order, voice]) {
    assert.match(row?.[1] ?? '', ratio);
    assert.match(row?.[2] ?? '', ratio);
    assert.match(row?.[4] ?? '', /^× [\d.]+ \([\d.]+ to [\d.]+\)$/);
  }
  // Words in another order are the same bag; who does it exchanged is, too, and nothing divided by it is without bounds.
  assert.deepEqual([order?.[3], voice?.[3]], ['0.00', '∞']);
  assert.deepEqual(
    groups.map(([name = '']) => /\((\d+) sentences\)$/.exec(name)?.[1]),
    ['20', '6', '6'],
  );
  for (const row of groups) assert.equal(row[4], '');
});
