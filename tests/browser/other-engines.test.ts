import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from '../../src/load.js';
import { transformerOptions } from '../../src/models/transformer/options.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { configurationOf } from '../../src/training/configuration.js';
import { train } from '../../src/training/train.js';
import { compiledSource } from '../house/sources.js';
import { packed } from '../packed/packed-run.js';
import { digitPairs, localContext, tinyConfiguration } from '../training/tiny-run.js';
import { otherEngines } from './other-engine.js';
import { isolation } from './web-page.js';
import { WebSite } from './web-site.js';

/** What a model gives. */
interface Given {
  readonly texts: readonly string[];
  readonly logProbabilities: readonly number[];
  readonly scores: readonly number[];
}

interface Found {
  readonly plain: Readonly<Record<string, Given>>;
  readonly usual: Readonly<Record<string, Given>>;
  readonly threads: { readonly counts: readonly number[]; readonly isSame: boolean };
  readonly disposed: { readonly started: number; readonly ended: number; readonly failure: string };
  readonly kept: { readonly online: string; readonly offline: string; readonly warnings: string; readonly cleared: string };
  readonly steps: number;
}

const lines = ['1 2 3', '4 5', '9 8 7 6 5'];
const pairs = lines.map((source) => ({ source, target: [...source].reverse().join('') }));
const models = ['lstm', 'transformer'].flatMap((name) => ['f32', 'int8'].map((precision) => `${name}-${precision}`));
const folder = mkdtempSync(join(tmpdir(), 'decade-engines-'));
const expected: Record<string, Given> = {};
const engines = Object.entries(otherEngines);
const areMissing = engines.every(([, { missing }]) => missing !== undefined);

/** As a function of the page and of this file. */
const givenBy = `async (model, lines, pairs) => {
  const results = await model.translate(lines, { beam: 3, nbest: 2 });
  const hypotheses = results.flatMap(({ nbest }) => nbest);
  const scores = await model.score(pairs);
  return {
    texts: hypotheses.map(({ text }) => text),
    logProbabilities: hypotheses.map(({ logProbability }) => logProbability),
    scores: scores.map(({ logProbability }) => logProbability),
  };
}`;

const script = `
  const { clearCache, load, train } = await import('/node_modules/decade/dist/src/browser/index.js');
  const [lines, pairs, models] = ${JSON.stringify([lines, pairs, models])};
  const given = ${givenBy};
  const withModel = async (source, options, use) => {
    const model = await load(source, { threads: 1, cache: false, ...options });
    try { return await use(model); } finally { await model.dispose(); }
  };
  const all = async (names) => {
    const found = {};
    for (const name of names) found[name] = await withModel('/models/' + name + '.decade', {}, (model) => given(model, lines, pairs));
    return found;
  };
  const { validate } = WebAssembly;
  const usual = await all(['lstm-f32', 'transformer-int8']);
  WebAssembly.validate = () => false;
  const plain = await all(models);
  WebAssembly.validate = validate;

  const many = Array.from({ length: 300 }, (_, line) => Array.from({ length: 10 }, (_, digit) => (line + digit) % 10).join(' '));
  const [one, two] = [[], []];
  for (const [threads, found] of [[1, one], [2, two]]) {
    await withModel('/models/lstm-f32.decade', { threads, beam: 500, maximumLength: 1 }, async (model) => {
      found.push(model.threads, (await model.translate(many)).map(({ text }) => text).join());
    });
  }
  const threads = { counts: [one[0], two[0]], isSame: one[1] === two[1] };

  const disposed = { started: 0, ended: 0 };
  const TheirWorker = Worker;
  globalThis.Worker = class extends TheirWorker {
    constructor(...given) { super(...given); disposed.started++; }
    terminate() { super.terminate(); disposed.ended++; }
  };
  const model = await load('/models/lstm-f32.decade', { threads: 1, cache: false });
  await model.dispose();
  disposed.failure = await model.translate(lines).then(() => 'translated', ({ message }) => message);
  globalThis.Worker = TheirWorker;

  const visit = () => withModel('/models/lstm-int8.decade', { cache: true }, async (model) =>
    [(await model.translate(lines)).map(({ text }) => text).join(), model.warnings.map(({ message }) => message).join()]);
  const [online] = await visit();
  await fetch('/unplug', { method: 'POST' });
  const [offline, warnings] = await visit();
  await clearCache();
  const kept = { online, offline, warnings, cleared: await visit().then(() => 'loaded', ({ message }) => message) };

  const configuration = { data: { train: [['1 2', '2 1'], ['3 4', '4 3']] }, tokenizer: { kind: 'character' }, training: { stop: { steps: 1 } } };
  const { summary } = await train(configuration);
  return { plain, usual, threads, disposed, kept, steps: summary.steps };`;

const page = `<!doctype html><meta charset="utf-8"><title>engine</title><script type="module">
  const work = async () => {${script}};
  const answer = await work().catch((error) => ({ failure: String(error) }));
  await fetch('/answer', { method: 'POST', body: JSON.stringify(answer) });
</script>`;

describe('decade in other engines', { skip: areMissing && engines.map(([, { missing }]) => missing).join('; ') }, () => {
  before(async () => {
    for (const [name, seed] of Object.entries({ train: 1, dev: 2 })) writeFileSync(join(folder, `${name}.tsv`), digitPairs(60, seed));
    const lstm = tinyConfiguration({ stop: { steps: 8 } }, { directory: folder, model: { hidden: 32, attention: 'dot', dropout: 0 } });
    const model = transformerOptions.parse({ kind: 'transformer', encoderLayers: 1, decoderLayers: 1, width: 32, heads: 4, dropout: 0 });
    const given = new Function(`return ${givenBy}`)() as (model: unknown, ...of: unknown[]) => Promise<Given>;
    for (const [name, configuration] of Object.entries({ lstm, transformer: configurationOf({ ...lstm, model }) })) {
      const out = join(folder, name);
      await train(localContext(nodeRuntime.files), configuration, { out });
      for (const precision of ['f32', 'int8'] as const) {
        const path = `${out}-${precision}.decade`;
        await packed(nodeRuntime.files, out, { out: path, precision });
        const loaded = await load(nodeRuntime, path, { gemm: 'exact', devices: 1 });
        expected[`${name}-${precision}`] = await given(loaded, lines, pairs);
        await loaded.dispose();
      }
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [name, engine] of engines) {
    describe(name, { skip: engine.missing }, () => {
      let found: Found;

      before(async () => {
        const folders = { '/node_modules/decade/dist/src/': compiledSource, '/models/': folder };
        const site = await WebSite.open(folders, { '/index.html': page, '/favicon.ico': '' }, isolation);
        const answer = new Promise<Found & { failure?: string }>((resolve) => {
          site.onPost = (path, text) => {
            if (path === '/answer') resolve(JSON.parse(text));
            else site.isUnreachable = (asked) => asked.startsWith('/models/');
          };
        });
        const end = await engine.show(site.url('/index.html'));
        try {
          const late = sleep(120_000, undefined, { ref: false }).then(() => ({
            failure: `no answer of the page, which asked last for ${site.requests.slice(-3)}`,
          }));
          const { failure, ...of } = (await Promise.race([answer, late])) as Found & { failure?: string };
          assert.equal(failure, undefined);
          found = of;
        } finally {
          await end();
          await site.close();
        }
      });

      test('gives the bits of plain SIMD under Node, in f32 and in int8', () => {
        assert.deepEqual(found.plain, expected);
        assert.ok(models.every((name) => new Set(expected[name]?.logProbabilities).size > 3));
      });

      test('translates alike with the kernels that it chooses itself', () => {
        for (const [name, { texts }] of Object.entries(found.usual)) assert.deepEqual(texts, expected[name]?.texts, name);
      });

      test('divides work among threads', () => assert.deepEqual(found.threads, { counts: [1, 2], isSame: true }));

      test('ends the worker with the model', () => {
        const { failure, ...counts } = found.disposed;
        assert.deepEqual(counts, { started: 1, ended: 1 });
        assert.match(failure, /^model: a call after dispose/);
      });

      test('keeps a packed model for a visit without a network', () => {
        const { online, offline, warnings, cleared } = found.kept;
        assert.ok(online.length > 0);
        assert.equal(offline, online);
        assert.match(warnings, /The model as it was at an earlier visit is used/);
        assert.match(cleared, /a request that failed/);
      });

      test('trains', () => assert.equal(found.steps, 1));
    });
  }
});
