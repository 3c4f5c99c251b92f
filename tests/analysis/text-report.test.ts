import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { decade } from '../../src/decade.js';
import { DecadeError } from '../../src/core/errors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { configurationOf, type ConfigurationInput } from '../../src/training/configuration.js';
import { train } from '../../src/training/train.js';
import { localContext } from '../training/tiny-run.js';

const dev = 'the dog runs on the beach\nNobody comes.\n\nthe dog <b>sleeps</b> on a beach\n';
const compute = { gemm: 'webassembly', devices: 1 };

function textConfiguration(model: object, changes: { tokenizer?: object; dev?: object | undefined } = {}) {
  return configurationOf({
    version: 1,
    data: { train: { text: ['/train.txt'] }, dev: { text: ['/dev.txt'] }, context: 16, ...('dev' in changes && { dev: changes.dev }) },
    tokenizer: { kind: 'character', ...changes.tokenizer },
    model,
    training: { optimizer: { kind: 'adam', learningRate: 0.02 }, batch: { sentences: 8 }, stop: { steps: 3 } },
  } as ConfigurationInput);
}

describe('a report on a language model', () => {
  let files: Files;
  let library: ReturnType<typeof decade>;
  before(async () => {
    files = memoryFiles({
      '/train.txt': dev.repeat(20),
      '/dev.txt': dev,
      '/other.txt': 'a dog\n',
      '/empty.txt': '',
      '/broken.txt': Uint8Array.of(0x61, 0x0a, 0xff, 0x0a, 0x61, 0x0a),
    });
    const small = { kind: 'transformer', decoderLayers: 2, width: 8, heads: 2 };
    await train(localContext(files), textConfiguration(small), { out: 'transformer' });
    await train(localContext(files), textConfiguration({ kind: 'lstm', layers: 1, hidden: 8 }, { tokenizer: { kind: 'bytes' } }), {
      out: 'lstm',
    });
    await train(localContext(files), textConfiguration(small, { dev: undefined }), { out: 'undeveloped' });
    await train(localContext(files), textConfiguration({ kind: 'ngram', order: 2 }, { tokenizer: { size: 16 } }), { out: 'few' });
    await train(localContext(files), textConfiguration({ kind: 'ngram', order: 3 }, { tokenizer: { size: 16 } }), { out: 'fewer' });
    const lines = textConfiguration(small, { dev: { text: ['/dev.txt'], documents: 'line' } });
    lines.data.train = { text: ['/train.txt'], documents: 'line' };
    await train(localContext(files), lines, { out: 'lines' });
    library = decade({ ...nodeRuntime, files, sharedMemory: false });
  });

  test('shows scores, samples, lines, words and attention of its dev text', async () => {
    const { page, examination } = await library.report('transformer', compute);
    const { text } = examination;
    assert.ok(text !== undefined);
    assert.deepEqual(
      text.lines.map((line) => line.text),
      dev.trimEnd().split('\n'),
    );
    const validated = examination.record.validations.at(-1)?.bitsPerByte;
    assert.ok(Math.abs(text.total.bitsPerByte - Number(validated)) < 1e-5, `${text.total.bitsPerByte} ${validated}`);
    const { score, low, high } = text.bitsPerByte;
    assert.ok(Math.abs(score - text.total.bitsPerByte) < 1e-6 && low <= score && score <= high);
    assert.deepEqual([text.words.find(({ word }) => word === 'beach')?.occurrences, text.byPosition.length], [2, 16]);
    assert.deepEqual(
      text.samples.map(({ temperature, samples }) => [temperature, samples.length]),
      [
        [1, 3],
        [0.7, 3],
      ],
    );
    for (const id of ['scores', 'positions', 'samples', 'likely', 'lines', 'text-words', 'attention'])
      assert.match(page, new RegExp(`id="${id}"`));
    assert.ok(!page.includes('<b>sleeps') && page.includes('&lt;b&gt;sleeps'));
    const again = await library.report('transformer', compute);
    assert.equal(again.page, page, 'samples have a seed');
  });

  test('of a network without attention shows the same but attention, of another text if asked', async () => {
    const { page, examination } = await library.report('lstm', {
      ...compute,
      text: ['/other.txt'],
      decoding: { sample: { temperature: 0.5, seed: 7 } },
    });
    assert.deepEqual([examination.text?.name, examination.text?.total.bytes], ['/other.txt', 6]);
    assert.match(page, /Temperature 0\.5, seed 7/);
    assert.doesNotMatch(page, /id="attention"/);
  });

  test('says what is missing, and refuses what belongs to a translator', async () => {
    const { page, examination } = await library.report('undeveloped', compute);
    assert.equal(examination.text, undefined);
    assert.match(examination.missing.join(), /No scores of a text: data\.dev: not in the configuration\. Use --text FILE/);
    assert.match(page, /id="missing"/);
    const isUsage = (error: unknown) => error instanceof DecadeError && error.kind === 'usage';
    await assert.rejects(library.report('transformer', { ...compute, attention: [9] }), isUsage);
    for (const [path, reason] of [
      ['/nowhere.txt', /^\/nowhere\.txt: no such file/],
      ['/empty.txt', /^\/empty\.txt: no text; expected at least one byte/],
    ] as const) {
      const isInput = (error: unknown) => error instanceof DecadeError && error.kind === 'input' && reason.test(error.message);
      await assert.rejects(library.report('transformer', { ...compute, text: [path] }), isInput, path);
    }
    await assert.rejects(library.report('transformer', { ...compute, testSet: { name: 'x', sources: ['a'], references: [] } }), isUsage);
  });

  test('of documents that are lines numbers them as in the file, with the empty ones between', async () => {
    const { page, examination } = await library.report('lines', { ...compute, attention: [4] });
    assert.deepEqual(
      examination.text?.lines.map(({ line }) => line),
      [1, 2, 4],
    );
    assert.deepEqual(
      examination.text?.attention.map(({ line, text }) => [line, text]),
      [[4, 'the dog <b>sleeps</b> on a beach']],
    );
    assert.match(page, /line 4 · \d/);
    await assert.rejects(library.report('lines', { ...compute, attention: [5] }), /line 5; expected 1 to 4/);
    await assert.rejects(library.report('lines', { ...compute, attention: [3] }), /line 3, which has no text; expected lines with text/);
  });

  test('beside another compares bits per byte of the same lines, whatever the tokens are', async () => {
    const { page, scored, runs, missing } = await library.compareTexts(['transformer', 'lstm'], compute);
    assert.deepEqual([runs.length, missing, scored?.systems.map(({ total }) => total.bytes)], [2, [], [dev.length, dev.length]]);
    const [first, second] = scored?.systems ?? [];
    const difference = (second?.total.bitsPerByte ?? 0) - (first?.total.bitsPerByte ?? 0);
    assert.equal(first?.bitsPerByte?.difference, undefined);
    assert.ok(Math.abs((second?.bitsPerByte?.difference?.score ?? Number.NaN) - difference) < 1e-6);
    assert.match(page, /lstm compared with transformer/);
    const without = await library.compareTexts(['undeveloped', 'lstm'], compute);
    assert.match(without.missing.join(), /No scores of one text: data\.dev: not in the configuration/);
    await assert.rejects(library.compareTexts(['lstm'], compute), /1 system; expected at least two/);
  });

  test('tells of lines that are not valid UTF-8, and gives no interval beside a model that reads them', async () => {
    const text = { ...compute, text: ['/broken.txt'] };
    const { examination } = await library.report('transformer', text);
    assert.match(examination.missing.join(), /^\/broken\.txt: line 2: bytes that are not valid UTF-8; left out of the figures; expected/);
    assert.deepEqual(
      examination.text?.lines.map(({ line }) => line),
      [1, 3],
    );
    assert.deepEqual((await library.report('lstm', text)).examination.missing, []);
    for (const run of ['transformer', 'lines']) {
      const { scored, missing } = await library.compareTexts([run, 'lstm', 'undeveloped'], text);
      assert.match(missing.join('|'), new RegExp(`line 2: .* of the figures of ${run} and undeveloped; .*\\|No interval of lstm: [^|]*$`));
      assert.deepEqual(
        scored?.systems.map(({ bitsPerByte }) => bitsPerByte !== undefined),
        [true, false, true],
      );
    }
  });

  test('that reads much of the text as <unk> has no difference but from one that lacks the same, and the page says why', async () => {
    const { examination } = await library.report('few', compute);
    assert.match(examination.missing.join(), /dev text, \/dev\.txt: \d\d % of the tokens are <unk>/);
    const { page, scored, missing } = await library.compareTexts(['transformer', 'few', 'lstm'], compute);
    assert.deepEqual(
      scored?.systems.map(({ bitsPerByte }) => [bitsPerByte !== undefined, bitsPerByte?.difference !== undefined]),
      [
        [true, false],
        [true, false],
        [true, true],
      ],
    );
    assert.match(missing.join('|'), /^few: \d\d % of the tokens are <unk>[^|]*\|No difference of few from transformer: [^|]+$/);
    assert.match(page, /No difference of few from transformer/);
    assert.doesNotMatch(page, /few compared with transformer/);
    const alike = await library.compareTexts(['few', 'fewer'], compute);
    assert.equal(typeof alike.scored?.systems[1]?.bitsPerByte?.difference?.probability, 'number');
  });
});
