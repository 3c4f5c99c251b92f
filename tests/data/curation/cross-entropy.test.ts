import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryFiles } from '../../../src/core/memory-files.js';
import { crossEntropyDifference, type TextScorer } from '../../../src/data/curation/cross-entropy.js';
import { filterLines } from '../../../src/data/curation/filter-lines.js';
import { load } from '../../../src/load.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { type TokenizerOptions, trainTokenizer } from '../../../src/text/train-tokenizer.js';
import { configurationOf, type ConfigurationInput } from '../../../src/training/configuration.js';
import { train } from '../../../src/training/train.js';
import { localContext } from '../../training/tiny-run.js';
import { droppedOf, textOf } from './lines.js';

/** Costs in bits for each text. */
function modelOf(costs: Readonly<Record<string, number>>, targetTokenizer?: TextScorer['targetTokenizer']): TextScorer {
  return {
    targetTokenizer,
    scoreText: async (texts) => ({ documents: Array.from(texts, (text) => ({ logProbability: -(costs[text] ?? 0) * Math.LN2 })) }),
  };
}

test('a line costs a model of the domain fewer bits per byte than one of general text, or it is dropped', async () => {
  const domain = crossEntropyDifference(modelOf({ cells: 10, goals: 30, été: 1 }), modelOf({ cells: 20, goals: 15, été: 6 }));
  const lines = textOf('cells', 'goals', '', 'cells', 'été');
  assert.deepEqual(await droppedOf(filterLines(lines, { scorers: { domain } })), ['2 domain', '3 short']);
  assert.deepEqual(await droppedOf(filterLines(lines, { scorers: { domain }, domain: '34%' })), ['2 domain', '3 short']);
  const found = Array.from(await domain(lines));
  assert.deepEqual(
    found.map((value) => Number(value.toPrecision(6))),
    [-2, 3, Number.NaN, -2, -1],
  );
});

test('models are compared where both pay for all of a text, and refused otherwise', async () => {
  const sample = ['Cells divide.', 'the goal was late'];
  const [bpe, bytes, word, otherWord, lower] = await Promise.all(
    (
      [
        [{ kind: 'bpe', size: 300 }, sample],
        [{ kind: 'bytes' }, sample],
        [{ kind: 'word' }, sample],
        [{ kind: 'word' }, ['another text']],
        [{ kind: 'bpe', size: 300, lowercase: true }, sample],
      ] satisfies [TokenizerOptions, string[]][]
    ).map(([options, text]) => trainTokenizer(text, options)),
  );
  const compared = (one = bpe, other = bpe) => crossEntropyDifference(modelOf({}, one), modelOf({}, other));
  const fit = [
    [bpe, bytes],
    [bpe, bpe],
    [word, word],
    [lower, lower],
  ] as const;
  for (const [one, other] of fit) compared(one, other);
  assert.throws(() => compared(word, otherWord), {
    kind: 'usage',
    message: /different tokenizers, and that of domain has one token, <unk>/,
  });
  assert.throws(() => compared(bytes, word), /that of general text has one token/);
  assert.throws(() => compared(bpe, lower), /different tokenizers, of which one converts to lower case/);
});

test('n-grams, an LSTM and a Transformer, each with tokens of its own, find the text of a domain', async () => {
  const medical = ['the cells divide', 'a cell of the blood divides', 'cells and blood', 'the blood of a cell'];
  const sport = ['our team won the game', 'a goal won the match', 'the match and our goal', 'they won a match'];
  const repeated = (lines: readonly string[]) => Array(4).fill(lines.join('\n')).join('\n');
  const files = memoryFiles({ 'medical.txt': repeated(medical), 'sport.txt': repeated(sport) });
  const transformer = { kind: 'transformer', decoderLayers: 1, width: 16, heads: 2, feedForward: 32, dropout: 0 };
  const models = {
    ngram: { tokenizer: { kind: 'bpe', size: 300 }, model: { kind: 'ngram', order: 3 } },
    lstm: { tokenizer: { kind: 'bytes' }, model: { kind: 'lstm', layers: 1, hidden: 24, dropout: 0 } },
    transformer: { tokenizer: { kind: 'byte-bpe', size: 280 }, model: transformer },
  };
  const trained = async (kind: keyof typeof models, text: string) => {
    const input = {
      version: 1,
      data: { train: { text: [text], documents: 'line' }, dev: { text: [text], documents: 'line' }, context: 32 },
      ...models[kind],
      training: { optimizer: { kind: 'adam', learningRate: 0.02 }, batch: { sentences: 16 }, stop: { steps: 20 } },
    };
    const out = `${kind}-${text}`;
    await train(localContext(files), configurationOf(input as ConfigurationInput), { out });
    return load({ ...nodeRuntime, files, sharedMemory: false }, out, { gemm: 'webassembly' });
  };
  const pairs = [
    ['ngram', 'transformer'],
    ['lstm', 'ngram'],
  ] as const;
  for (const [ofDomain, ofGeneral] of pairs) {
    await using domain = await trained(ofDomain, 'medical.txt');
    await using general = await trained(ofGeneral, 'sport.txt');
    const differences = Array.from(await crossEntropyDifference(domain, general)(textOf(...medical, ...sport)));
    const [like, unlike] = [differences.slice(0, medical.length), differences.slice(medical.length)];
    assert.ok(Math.max(...like) < Math.min(...unlike), `${ofDomain} and ${ofGeneral}: ${differences.map((each) => each.toFixed(2))}`);
  }
});
