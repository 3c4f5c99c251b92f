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
      const { ids } = await model.readPrompt('not to');
      const predicted = await model.predictions(ids, { top: 2 });
      const { hasSource } = model;
      const texts = await model.pieces(ids);
      await model.dispose();
      return {
        ...{ text: pieces.join('').length > 0, told, samples, bytes: total.bytes, documents: documents.length, refusal, hasSource },
        ...{ texts: texts.join(''), ids: predicted.map(({ id }) => id).join() === ids.join(), top: predicted.map(({ likeliest }) => likeliest.length) },
      };`);
    const { refusal, ...rest } = written;
    const predictions = { texts: 'not to', ids: true, top: [2, 2, 2, 2, 2, 2] };
    assert.deepEqual(rest, { text: true, told: ['to be'], samples: [2, 2], bytes: 11, documents: 2, hasSource: false, ...predictions });
    assert.match(String(refusal), /a language model, which has no source/);
  });

  test('the run so far is told at each checkpoint, to translate with and to begin another training with', async () => {
    const found = await page.run<Record<string, unknown>>(`${prelude}
      const saved = [];
      const training = { ...configuration.training, checkpoint: { every: { steps: 3 } } };
      await train({ ...configuration, training }, { onCheckpoint: (run) => saved.push(run) });
      const [first] = saved;
      const model = await load(first);
      const [whole] = await model.translate(['1 2 3'], { attention: true });
      const map = await model.attentionMap('1 2 3', whole);
      const aligned = await model.alignment('1 2 3', whole);
      await model.dispose();
      const losses = [];
      const onEvent = (event) => { if (event.kind === 'update') losses.push(event.loss); };
      await train({ ...configuration, training: { ...training, stop: { steps: 1 } } }, { init: first, onEvent });
      await train({ ...configuration, training: { ...training, stop: { steps: 1 } } }, { onEvent });
      const names = [...first.files.keys()].filter((name) => name.startsWith('model'));
      return { saved: saved.length, names, source: map.source, aligned: aligned.length === whole.ids.length, better: losses[0] < losses[1] };`);
    const { saved, ...rest } = found;
    assert.ok(Number(saved) >= 2);
    assert.deepEqual(rest, { names: ['model.json', 'model.safetensors'], source: ['1', '2', '3'], aligned: true, better: true });
  });

  test('what reads a tokenizer from elsewhere is loaded with the first model that has one', async () => {
    const requests: string[] = [];
    const found = await page.runUnder<Record<string, unknown>>(
      { 'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" },
      `${prelude}
      const { files } = await train({ ...configuration, training: { ...configuration.training, stop: { steps: 1 } } });
      const vocabulary = JSON.parse(await files.get('target-tokenizer.json').text()).model.vocab;
      const tokens = Object.entries(vocabulary).sort(([, one], [, other]) => one - other).map(([token]) => token);
      const special = { begin: 1, end: 2, unknown: 3, forbidden: [0, 1] };
      const foreign = (codec) => new Map(files).set('target-tokenizer.json', new Blob([
        JSON.stringify({ format: 'decade-imported-tokenizer', version: 1, special, named: 'marian', lines: false, codec }),
      ]));
      const model = await load({ files: foreign({ kind: 'spaced', tokens }) });
      const [{ text }] = await model.translate([{ text: '1 2 3', prefix: '3 2' }]);
      await model.dispose();
      const error = await load({ files: foreign({ kind: 'spaced', tokens: [] }) }).catch((error) => error);
      return { text, refused: error instanceof DecadeError && error.kind, message: error.message };`,
      requests,
    );
    assert.match(String(found.text), /^3 2/);
    assert.equal(found.refused, 'input');
    assert.match(String(found.message), /expected a tokenizer that decade imported/);
    assert.ok(requests.some((path) => path.endsWith('/imported-tokenizers.js')));
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
      /^train options: unknown option "out"; expected signal, onEvent, onCheckpoint, resume, init, initInto, threads/,
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
