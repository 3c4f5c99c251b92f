import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Estimated } from '../../src/analysis/examination/means.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { Addresses } from '../../src/experiments/addresses.js';
import { embeddedBase, varied } from '../../src/experiments/base.js';
import {
  findingOf,
  pretraining,
  shuffledWords,
  sizesOf,
  type Translators,
  updatesOf,
} from '../../src/experiments/catalogue/pretraining.js';
import { Laboratory } from '../../src/experiments/laboratory.js';
import { reproductionCost } from '../../src/experiments/reproduce.js';
import { inputsOf, train } from '../../src/experiments/steps.js';
import { configurationOf } from '../../src/training/configuration.js';
import { keptThreads } from '../parallel/kept-threads.js';

test('numbers of pairs are 1, 3, 10, 30, ..., up to a quarter of the corpus', () => {
  assert.deepEqual(sizesOf(133_066, 4), [1_000, 3_000, 10_000, 30_000]);
  assert.deepEqual(sizesOf(12_000, 3), [300, 1_000, 3_000]);
  assert.deepEqual(sizesOf(3, 4), [1]);
});

test('shuffled text has the words of each line, in another order that is always the same', () => {
  const line = 'a b c d e f g h';
  const shuffled = shuffledWords(line, 5);
  assert.notEqual(shuffled, line);
  assert.equal(shuffledWords(line, 5), shuffled);
  assert.notEqual(shuffledWords(line, 6), shuffled);
  assert.deepEqual(shuffled.split(' ').sort(), line.split(' '));
});

test('a training that begins with another is done after it, and has an address of its own', async () => {
  const addresses = new Addresses(memoryFiles());
  const { configuration } = embeddedBase('digits:copy:2-4', 'tiny');
  const [one, two] = [train(configuration), train(varied(configuration, { training: { seed: 2 } }))];
  const from = train(configuration, {}, two);
  assert.deepEqual(inputsOf(from), [two]);
  assert.deepEqual(await addresses.inOrder([from, one]), [two, from, one]);
  const names = await addresses.all([one, from, train(configuration, {}, one), train(configuration, {}, from)]);
  assert.equal(new Set(names).size, names.length);
});

test('conclusions say what the intervals say, either way', () => {
  const around = (value: number): Estimated => ({ value, low: value - 1, high: value + 1 });
  const told = (ofText: number, ofOrder: number, ofTextWithMore: number) => {
    const translators = (pairs: number, text: number): Translators => {
      const each = <Value>(value: Value) => ({ 'from scratch': value, 'from shuffled text': value, 'from text': value });
      const effects = { ofText: around(text), ofOrder: around(ofOrder) };
      return { pairs, bleu: each(around(20)), scores: each([20]), perplexities: each([5]), effects, unfinished: text > 0 ? 0 : 2 };
    };
    const options = { seeds: 3, sizes: 2, updates: 100, beam: 5 };
    return findingOf([translators(1_000, ofText), translators(3_000, ofTextWithMore)], options).conclusions.join('\n');
  };
  const helps = told(5, 3, 2);
  assert.match(
    helps,
    /With 1,000 pairs.*\+5\.0 \(\+4\.0 to \+6\.0\): as in the paper \(3 seeds each\)\. The order of words in the text helps/,
  );
  assert.match(helps, /effect of pre-training falls with the number of pairs: −3\.0/);
  assert.doesNotMatch(helps, /The limit of/);
  const harms = told(-3, -2, 0.5);
  assert.match(harms, /With 1,000 pairs.*−3\.0 .*unlike the paper.*does harm/);
  assert.match(harms, /With 3,000 pairs.*\+0\.5 .*inconclusive/);
  assert.match(harms, /grows with the number of pairs: \+3\.5/);
  assert.match(harms, /The limit of 100 updates ended 2 of 18 trainings/);
  assert.match(told(1.5, 0.5, 1), /order of words in the text matters is not settled[\s\S]*depends on the number of pairs is not settled/);
});

test('a translator has at most as many updates as the configuration trains for on the whole corpus, within limits', () => {
  const sentences = { batch: { sentences: 64 } };
  assert.equal(updatesOf({ ...sentences, stop: { epochs: 2 } }, 4_000), 125);
  assert.equal(updatesOf({ ...sentences, stop: { epochs: 2, steps: 40 } }, 4_000), 40);
  assert.equal(updatesOf({ ...sentences, stop: { epochs: 2 } }, 100), 10);
  assert.equal(updatesOf({ ...sentences, stop: { epochs: 9 } }, 400_000), 1_200);
  assert.equal(updatesOf({ batch: { tokens: 2_048 }, stop: { epochs: 2 } }, 4_000), 1_200);
});

test('the cost is known before any corpus is made, and nothing is written for it', async () => {
  const files = memoryFiles();
  const set = ['data.train.pairs=200', 'model.width=8', 'model.heads=2', 'model.feedForward=16'];
  const common = { task: 'digits:copy:4-7', size: 'tiny', set, out: 'out', devices: 1, gemm: 'webassembly', speedSeconds: 0.01 } as const;
  const cost = await reproductionCost({ ...keptThreads, files }, 'pretraining', { ...common, seeds: 2, sizes: 2, updates: 10 });
  assert.deepEqual(cost.unknown, []);
  assert.equal(cost.trainings.length, 2 + 3 * 2 * 2);
  assert.ok(cost.trainings.every(({ tokens, seconds }) => tokens > 0 && seconds > 0));
  assert.equal(cost.uses.length, 3 * 2 * 2);
  assert.equal(await files.kind('out'), 'missing');
});

test('a corpus may have control characters, be sampled, and vary how its words are divided', async () => {
  const line = (index: number) => `${index % 7} ${index % 5}`;
  const lines = Array.from({ length: 60 }, (_, index) => `${line(index)}\t${index % 20 === 0 ? 'a\rb' : line(index)}\n`).join('');
  const files = memoryFiles({ 'pairs.tsv': lines });
  const runtime = { ...keptThreads, files, sharedMemory: false };
  const configuration = configurationOf({
    version: 1,
    data: { train: { tsv: 'pairs.tsv' }, dev: { tsv: 'pairs.tsv' }, examples: 20 },
    tokenizer: { kind: 'bpe', size: 280 },
    model: { kind: 'transformer', encoderLayers: 1, decoderLayers: 1, width: 8, heads: 2, feedForward: 8 },
    training: { stop: { steps: 1 }, validate: { every: { steps: 1 } }, mergeDropout: 0.1 },
  });
  const laboratory = new Laboratory(runtime, { out: 'out', devices: 1, gemm: 'webassembly' });
  const test = await laboratory.sentences({ tsv: 'pairs.tsv' }, 'test');
  const base = { ...embeddedBase('digits:copy:2-4', 'tiny'), configuration };
  const stages = pretraining.stages({ base, options: { seeds: 1, sizes: 1, updates: 10, beam: 1 }, test, laboratory });
  for (;;) {
    const next = await stages.next();
    if (next.done) {
      // A quarter of 20 pairs, not of 60.
      assert.equal(next.value.rows[0]?.[0], '3');
      return;
    }
    for (const step of next.value.steps) await laboratory.perform(step);
  }
});
