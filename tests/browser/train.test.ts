import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PackedModel } from '../../src/packed/packed-model.js';
import { browserName } from '../cli/browser.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { digitPairs } from '../training/tiny-run.js';
import { isolation, WebPage } from './web-page.js';

const pairs = (count: number, seed: number) =>
  digitPairs(count, seed)
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
const configuration = {
  data: { train: pairs(64, 1), dev: pairs(8, 2) },
  tokenizer: { kind: 'word', split: 'spaces' },
  model: { kind: 'lstm', layers: 1, hidden: 16, attention: 'dot' },
  training: { optimizer: { kind: 'adam', learningRate: 0.01 }, batch: { sentences: 16 }, stop: { steps: 6 } },
};
/** For bodies in the page: the configuration, its files after a training, and their hashes. */
const prelude = `
  const configuration = ${JSON.stringify(configuration)};
  const bytesOf = async ({ files }, name) => [...new Uint8Array(await files.get(name).arrayBuffer())].join();`;

describe('training in a browser', { skip: browserName === undefined && 'no Chromium here' }, () => {
  let page: WebPage;
  before(async () => {
    page = await WebPage.open({});
  });
  after(() => page?.close());

  test('a run that is paused and resumed has the bits of one that was not; it is loaded and packed', async () => {
    const found = await page.run<Record<string, unknown>>(`${prelude}
      const steps = [];
      const whole = await train(configuration, { onEvent: ({ kind, steps: step }) => { if (kind === 'update') steps.push(step); } });
      const pause = new AbortController();
      const half = await train(configuration, { signal: pause.signal, onEvent: ({ kind }) => { if (kind === 'update') pause.abort(); } });
      const resumed = await train(configuration, { resume: half });
      const model = await load(resumed);
      const translated = await model.translate(['1 2 3']);
      await model.dispose();
      const { blob, hash } = await pack(resumed, { precision: 'int8' });
      const packed = await load(blob, { integrity: hash });
      const lines = await packed.translate(['1 2 3']);
      await packed.dispose();
      return {
        steps,
        reasons: [whole, half, resumed].map(({ summary }) => summary.reason),
        paused: half.summary.steps < whole.summary.steps,
        same: (await bytesOf(whole, 'model.safetensors')) === (await bytesOf(resumed, 'model.safetensors')),
        names: [...resumed.files.keys()].filter((name) => !name.includes('/')).sort(),
        translations: [translated.length, lines.length],
        packed: [...new Uint8Array(await blob.arrayBuffer())],
        hash,
      };`);
    const { packed, hash, ...rest } = found;
    assert.deepEqual(rest, {
      steps: [1, 2, 3, 4, 5, 6],
      reasons: ['steps', 'interrupted', 'steps'],
      paused: true,
      same: true,
      names: [
        ...['config.yaml', 'metrics.jsonl', 'model.json', 'model.safetensors'],
        ...['source-tokenizer.json', 'source-words.txt', 'target-tokenizer.json', 'train.log'],
      ],
      translations: [1, 1],
    });
    const files = memoryFiles({ 'packed.decade': Uint8Array.from(packed as number[]) });
    const model = await PackedModel.open(await files.open('packed.decade'), 'packed.decade');
    await model.check();
    assert.equal(model.hash, hash);
  });

  test('a language model that was trained in the page writes and scores as under Node', async () => {
    const written = await page.run<Record<string, unknown>>(`
      const run = await train({
        data: { train: ['to be or not to be', 'that is the question'], context: 8 },
        tokenizer: { kind: 'character' },
        model: { kind: 'transformer', width: 16, feedForward: 32, decoderLayers: 1, heads: 2 },
        training: { optimizer: { kind: 'adam' }, stop: { steps: 2 } },
      });
      const model = await load(run);
      const told = [];
      const pieces = [];
      const options = { seed: 1, maximumLength: 5, onPrompt: ({ text }) => told.push(text) };
      for await (const piece of model.generate('to be', options)) pieces.push(piece);
      const samples = [];
      for await (const result of model.generateStream(['to', 'that'], { samples: 2, seed: 1, maximumLength: 3 })) samples.push(result.samples.length);
      const { total, documents } = await model.scoreText(['to be', 'or not']);
      const refusal = await model.translate(['to be']).catch(({ message }) => message);
      await model.dispose();
      return { text: pieces.join('').length > 0, told, samples, bytes: total.bytes, documents: documents.length, refusal };`);
    const { refusal, ...rest } = written;
    assert.deepEqual(rest, { text: true, told: ['to be'], samples: [2, 2], bytes: 11, documents: 2 });
    assert.match(String(refusal), /a language model, which has no source/);
  });

  test('threads share the work where the page is isolated; elsewhere one computes, and the model says why', async () => {
    const body = `${prelude}
      const placements = [];
      const warnings = [];
      const onEvent = (event) => {
        if (event.kind === 'model') placements.push(event.placement.devices);
        if (event.kind === 'warning') warnings.push(event.message);
      };
      const run = await train(configuration, { threads: 2, onEvent });
      const model = await load(run, { threads: 2 });
      const { threads } = model;
      const translated = await model.translate(['1 2 3', '4 5']);
      await model.dispose();
      return { placements, threads, lines: translated.length, warnings, ofModel: model.warnings.map(({ message }) => message) };`;
    const isolated = { placements: [2], threads: 2, lines: 2, warnings: [], ofModel: [] };
    assert.deepEqual(await page.runUnder(isolation, body), isolated);
    const { warnings, ofModel, ...alone } = await page.run<Record<string, unknown>>(body);
    assert.deepEqual(alone, { placements: [1], threads: 1, lines: 2 });
    const message = /^threads: a page that is not cross-origin isolated.*Cross-Origin-Opener-Policy: same-origin/;
    assert.match(String(warnings), message);
    assert.match(String(ofModel), message);
  });

  test('what cannot be trained is said at once, and by the library', async () => {
    const failures = await page.run<string[]>(`${prelude}
      const failures = [];
      const fails = (work) => work.then(() => failures.push('done'), (error) => failures.push(error instanceof DecadeError ? error.message : String(error)));
      await fails(train(null));
      await fails(train(configuration, { out: 'run' }));
      await fails(train({ ...configuration, data: { train: [['a']] } }));
      await fails(train({ ...configuration, model: { kind: 'lstm', hiden: 4 } }));
      await fails(train(configuration, { resume: 'run' }));
      await fails(pack({ files: new Map() }));
      return failures;`);
    const messages = [
      /^configuration: no value; expected a record with data\.train/,
      /^train options: unknown option "out"; expected signal, onEvent, resume, threads/,
      /^data\.train, item 1: .*; expected pairs/,
      /^configuration: model\.hiden: unknown key\. Did you mean 'hidden'/,
      /^train options\.resume: 'run'; expected what train returned/,
      /run/,
    ];
    assert.equal(failures.length, messages.length, failures.join('\n'));
    for (const [index, message] of messages.entries()) assert.match(failures[index] ?? '', message);
  });

  test('nothing was asked of another server, and nothing complained', () => {
    assert.deepEqual(page.browser.complaints, []);
  });
});
