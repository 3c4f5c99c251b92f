import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { trainTokenizers } from '../../src/training/tokenizers.js';
import { configurationOf } from '../../src/training/configuration.js';

test('learning byte pairs lets a signal through, and ends by it', async () => {
  // Distinct words, so that there is much to merge.
  const words = Array.from({ length: 30_000 }, (_, word) => (word * 7_919).toString(36));
  const files = memoryFiles({ 'pairs.tsv': words.map((word) => `${word}\t${word}\n`).join('') });
  const controller = new AbortController();
  const { tokenizer } = configurationOf({
    version: 1,
    data: { train: { tsv: 'pairs.tsv' } },
    tokenizer: { kind: 'bpe', size: 30_000 },
    model: { kind: 'lstm', layers: 1, hidden: 4 },
    training: { stop: { steps: 1 } },
  });
  let isRead = false;
  const trained = trainTokenizers({
    files,
    source: { tsv: 'pairs.tsv' },
    options: tokenizer,
    signal: controller.signal,
    onProgress: (progress) => {
      if (!('lines' in progress) || progress.lines < 29_000 || isRead) return;
      isRead = true;
      // Comes to its turn when all lines are read and merging has begun.
      setTimeout(() => controller.abort(new Error('stopped')), 1);
    },
  });
  await assert.rejects(trained, /stopped/);
});
