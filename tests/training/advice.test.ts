import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../src/core/memory-files.js';
import { describeInit } from '../../src/training/configuration-changes.js';
import { resolveConfiguration } from '../../src/training/configuration.js';
import { trainTokenizers } from '../../src/training/tokenizers.js';
import { type Divergence, divergenceError } from '../../src/training/divergence.js';

const text = 'version: 1\ndata: { train: { tsv: a } }\nmodel: { kind: lstm }\ntraining: { optimizer: { kind: sgd } }\n';
const configuration = resolveConfiguration(text, 'c.yaml');
const divergence: Divergence = {
  update: 40,
  loss: Number.NaN,
  gradientNorm: Number.POSITIVE_INFINITY,
  learningRate: 0.7,
  path: 'runs/my run',
  checkpoint: 30,
  hasModel: true,
  init: undefined,
  calmerStart: 'model.initialRange=0.04',
};
/** Every change that an error advises can be made. */
function advice(of: Partial<Divergence>, ...overrides: string[]): string {
  const { message } = divergenceError({ ...divergence, ...of }, resolveConfiguration(text, 'c.yaml', overrides));
  for (const [, change] of message.matchAll(/--set (\S+)/g)) resolveConfiguration(text, 'c.yaml', [change ?? '']);
  return message;
}

test('a loss that is no number at the first update is not blamed on a rate that was never used', () => {
  const message = advice({ update: 1, checkpoint: 0, hasModel: false });
  assert.match(message, /nothing was learnt.*start again with another --out and --set model\.initialRange=\d/i);
  assert.doesNotMatch(message, /learningRate=|--init|warm/);
  assert.match(advice({ update: 1, hasModel: true, init: 'runs/a b' }), /another run than 'runs\/a b' for --init/);
});

test('later, what can be gone on from is named, and changes that lower what overflowed', () => {
  assert.match(
    advice({}),
    /Checkpoint 30 and the model are intact; start a new run with --init 'runs\/my run' and --set training\.optimizer\.learningRate=0\.17 or --set training\.clip\.max=2\.5$/,
  );
  assert.match(advice({}, 'training.clip.kind=none'), /--set training\.clip\.kind=norm/);
  assert.match(advice({}, 'training.precision=bf16'), /--set training\.precision=f32/);
  assert.match(advice({}, 'training.schedule={ kind: inverse-square-root, warmup: { steps: 9 } }'), /a longer training\.schedule\.warmup/);
});

const taken = { own: undefined, choosesSharing: false, grows: false };

test('a side with a tokenizer of its own is as the options say, and whether it has one is for them to say', () => {
  const of = (tokenizer: string) => resolveConfiguration(text, 'c.yaml', [`tokenizer=${tokenizer}`]);
  const use = { own: 'source', choosesSharing: true, grows: false } as const;
  const message = describeInit('runs/a', of('{ kind: word, shared: true }'), of('{ kind: bpe, size: 30000, shared: false }'), use);
  assert.match(message, /; only of the source: tokenizer\.kind "bpe" \(runs\/a has "word"\)/);
  assert.doesNotMatch(message, /ignored|shared/);
});

test('what a run takes of another with --init is told, with what it ignores and what differs', () => {
  const other = resolveConfiguration(text, 'c.yaml', ['tokenizer={ kind: bpe, size: 500 }', 'model.dropout=0.3', 'training.seed=4']);
  assert.equal(
    describeInit('runs/a', other, configuration, taken),
    '--init runs/a: begins with its parameters and its vocabulary; its optimizer state, number of updates and configuration are not taken; ' +
      'ignored here: tokenizer.size 8000 (runs/a has 500); differs: model.dropout 0 (runs/a was trained with 0.3)',
  );
  assert.doesNotMatch(describeInit('runs/a', configuration, configuration, taken), /ignored|differs/);
  assert.match(
    describeInit('runs/a', other, configuration, { ...taken, grows: true }),
    /; limits what the vocabulary grows by: tokenizer\.size 8000 \(runs\/a has 500\); differs/,
  );
});

test('a TSV with spaces for tabs is told as such before a vocabulary is learnt', async () => {
  const request = { files: memoryFiles({ 'a.tsv': 'one  un\ntwo   deux\n' }), source: { tsv: 'a.tsv' }, options: configuration.tokenizer };
  await assert.rejects(trainTokenizers(request), /^DecadeError: a\.tsv: no usable pair: .*2 without a tab but with several spaces/);
});
