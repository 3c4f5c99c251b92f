import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TranslationResult } from '../../src/decoding/translator.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/training/train.js';
import { browserName } from '../cli/browser.js';
import { codeBlocks } from '../house/documentation.js';
import { compiledSource } from '../house/sources.js';
import { packed } from '../packed/packed-run.js';
import { digitPairs, localContext, tinyConfiguration } from '../training/tiny-run.js';
import { isolation, WebPage } from './web-page.js';

const lines = ['1 2 3', '4 5', '', '9 8 7 6 5 x'];
const options = { beam: 4, nbest: 3, attention: true } as const;
const folder = mkdtempSync(join(tmpdir(), 'decade-site-'));
const run = join(folder, 'runs/quickstart');
/** What the documentation asks for. */
const strictPolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

describe('decade in a browser', { skip: browserName === undefined && 'no Chromium here' }, () => {
  let page: WebPage;
  let expected: readonly TranslationResult[];
  /** Of the packed model. */
  let hash: string;

  before(async () => {
    mkdirSync(join(folder, 'models'), { recursive: true });
    for (const [name, seed] of Object.entries({ train: 1, dev: 2 })) writeFileSync(join(folder, `${name}.tsv`), digitPairs(200, seed));
    const model = { hidden: 32, attention: 'dot', dropout: 0 } as const;
    const configuration = tinyConfiguration({ stop: { steps: 60 } }, { directory: folder, model });
    await train(localContext(nodeRuntime.files), configuration, { out: run });
    expected = await inNode();
    ({ hash } = await packed(nodeRuntime.files, run, { out: join(folder, 'models/one.decade') }));
    page = await WebPage.open(
      { '/runs/': join(folder, 'runs'), '/models/': join(folder, 'models') },
      { '/translate.html': documentedPage() },
    );
  });
  after(async () => {
    await page?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function inNode(): Promise<TranslationResult[]> {
    const model = await load(nodeRuntime, run, { gemm: 'webassembly', devices: 1 });
    try {
      return await model.translate(lines, options);
    } finally {
      await model.dispose();
    }
  }

  const inPage = <Value>(body: string) => page.run<Value>(body);

  test('translates as Node does with the same kernels', async () => {
    const results = await inPage<TranslationResult[]>(`
      const model = await load('runs/quickstart');
      const results = await model.translate(${JSON.stringify(lines)}, ${JSON.stringify(options)});
      await model.dispose();
      return results.map(({ attention, ...result }) => ({ ...result, attention: attention?.map((weights) => [...weights]) }));`);
    assert.deepEqual(results.map(words), expected.map(words));
    for (const [line, { score, meanProbability, nbest, attention }] of results.entries()) {
      const same = expected[line] ?? assert.fail();
      near(
        [score, meanProbability, ...nbest.map(({ score }) => score)],
        [same.score, same.meanProbability, ...same.nbest.map(({ score }) => score)],
      );
      near(attention?.flatMap((weights) => [...weights]) ?? [], same.attention?.flatMap((weights) => [...weights]) ?? []);
    }
    assert.ok(expected.some(({ text, attention }) => text.length > 3 && attention !== undefined));
  });

  const words = ({ text, unknownSourceWords, nbest }: TranslationResult) => ({
    text,
    unknownSourceWords,
    nbest: nbest.map(({ text }) => text),
  });

  function near(actual: readonly number[], wanted: readonly number[]): void {
    assert.equal(actual.length, wanted.length);
    for (const [index, value] of actual.entries())
      assert.ok(Math.abs(value - (wanted[index] ?? 0)) < 1e-5, `${value} for ${wanted[index]}`);
  }

  test('asks for model.json and the files that it names, each once, and for nothing else of the run', async () => {
    page.site.requests.length = 0;
    await inPage("await (await load('/runs/quickstart/')).dispose();");
    const asked = page.site.requests.filter((path) => path.startsWith('/runs/')).sort();
    const names = ['model.json', 'model.safetensors', 'source-tokenizer.json', 'source-words.txt', 'target-tokenizer.json'];
    assert.deepEqual(
      asked,
      names.map((name) => `/runs/quickstart/${name}`),
    );
  });

  test('computes in a worker only, which ends with the model', async () => {
    const counts = await inPage<object>(`
      const [TheirWorker, wasm] = [Worker, WebAssembly];
      const counts = { started: 0, ended: 0 };
      globalThis.Worker = class extends TheirWorker {
        constructor(...given) { super(...given); counts.started++; }
        terminate() { super.terminate(); counts.ended++; }
      };
      globalThis.WebAssembly = { validate: (bytes) => wasm.validate(bytes) };
      try {
        const model = await load('runs/quickstart');
        counts.text = (await model.translate(['1 2 3'], { beam: 4 }))[0].text;
        await model.dispose();
        return counts;
      } finally {
        Object.assign(globalThis, { Worker: TheirWorker, WebAssembly: wasm });
      }`);
    assert.deepEqual(counts, { started: 1, ended: 1, text: expected[0]?.text });
  });

  test('an engine without relaxed SIMD, as WebKit was, gets the other build and the same words', async () => {
    page.site.requests.length = 0;
    const text = await inPage<string>(`
      const { validate } = WebAssembly;
      WebAssembly.validate = () => false;
      const model = await load('runs/quickstart', { threads: 1 }).finally(() => Object.assign(WebAssembly, { validate }));
      const [{ text }] = await model.translate(['1 2 3'], { beam: 4 });
      await model.dispose();
      return text;`);
    assert.equal(text, expected[0]?.text);
    assert.ok(page.site.requests.some((path) => path.endsWith('/worker.js')));
  });

  test('streams: a line is answered before the next one is there, and leaving ends the lines', async () => {
    const seen = await inPage<unknown[]>(`
      const model = await load('runs/quickstart', { beam: 4 });
      const seen = [];
      let answered = () => {};
      async function* lines() {
        try {
          for (const line of ['1 2 3', '4 5', '6']) {
            const answer = new Promise((resolve) => { answered = resolve; });
            yield line;
            await answer;
          }
        } finally {
          seen.push('ended');
        }
      }
      for await (const { text } of model.translateStream(lines())) {
        seen.push(text);
        answered();
        if (seen.length === 2) break;
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
      await model.dispose();
      return seen;`);
    assert.deepEqual(seen, [expected[0]?.text, expected[1]?.text, 'ended']);
  });

  test('says what is wrong with errors of the library, and goes on', async () => {
    const failures = await inPage<string[]>(`
      const failures = [];
      const fails = (work) => work.then(() => failures.push('done'), (error) => failures.push(error instanceof DecadeError ? error.message : String(error)));
      await fails(load('runs/nothing'));
      await fails(load('runs/quickstart', { beem: 4 }));
      await fails(load(['runs/quickstart', 5]));
      const model = await load('runs/quickstart');
      await fails(model.translate('1 2 3'));
      await fails(model.translate(['1 2 3'], null));
      await fails(load('runs/quickstart', null));
      await fails(load('runs/quickstart', { threads: 0 }));
      await fails(load('runs/quickstart', { devices: 2 }));
      await fails(model.translate(['1 2 3'], { noRepeats: new WeakMap() }));
      await fails(model.translateStream('1 2 3').next());
      const [{ warning }] = await model.translate(['1 2 3'], { maximumSourceLength: 1 });
      await fails(Promise.reject(warning));
      await fails(model.translate(['1 2 3'], { signal: AbortSignal.abort(new DecadeError('usage', { where: 'page', received: 'enough' })) }));
      const ended = fails(model.translate(Array(1000).fill('1 2 3 4'), { beam: 10 }));
      await model.dispose();
      await ended;
      await fails(model.translate(['1 2 3']));
      return failures;`);
    const messages = [
      /\/runs\/nothing: no model\.json of decade; expected the URL of a run directory/,
      /decoding options: unknown option "beem".*Did you mean beam/,
      /^source, item 2: 5; expected a URL, a Response/,
      /^lines: '1 2 3'; expected a list of text/,
      /^translate options: no value; expected a record of options/,
      /^load options: no value; expected a record of options/,
      /^threads: 0; expected a whole number from 1 to 64/,
      /^devices: 2; expected threads, in a browser/,
      /^call: what no message to a worker can carry .*; expected text, numbers, bytes/,
      /^lines: '1 2 3'; expected a list or a stream of text/,
      /^line 1: 3 tokens; only the first 1 were used/,
      /^page: enough/,
      /^model: a call after dispose/,
      /^model: a call after dispose/,
    ];
    assert.equal(failures.length, messages.length, failures.join('\n'));
    for (const [index, message] of messages.entries()) assert.match(failures[index] ?? '', message);
  });

  test('scores, shows attention and gives sentence vectors as Node does', async () => {
    const pairs = [
      { source: '1 2 3', target: '3 2 1' },
      { source: '4', target: '' },
    ];
    const found = await inPage<{
      scores: number[];
      tokens: number[][];
      weights: number[][];
      map: object;
      vectors: number[][];
      has: boolean;
    }>(`
      const model = await load('runs/quickstart');
      const scores = await model.score(${JSON.stringify(pairs)});
      const [map, none] = await model.attentionMaps(['1 2 3', '']);
      const { vectors } = await model.sentenceVectors(['1 2 3', '4']);
      const { hasSentenceVectors: has } = model;
      await model.dispose();
      if (none !== undefined) throw new Error('an empty line has no attention');
      const lists = (values) => values.map((each) => [...each]);
      return {
        ...{ has, scores: scores.map(({ logProbability }) => logProbability), tokens: lists(scores.map((each) => each.tokenLogProbabilities)) },
        ...{ weights: lists(map.weights), map: { source: map.source, target: map.target }, vectors: lists(vectors) },
      };`);
    const model = await load(nodeRuntime, run, { gemm: 'webassembly', devices: 1 });
    const scores = await model.score(pairs);
    const [map] = await model.attentionMaps(['1 2 3']);
    const { vectors } = await model.sentenceVectors(['1 2 3', '4']);
    assert.equal(found.has, model.hasSentenceVectors);
    await model.dispose();
    near(
      found.scores,
      scores.map(({ logProbability }) => logProbability),
    );
    near(
      found.tokens.flat(),
      scores.flatMap(({ tokenLogProbabilities }) => [...tokenLogProbabilities]),
    );
    near(found.weights.flat(), map?.weights.flatMap((weights) => [...weights]) ?? assert.fail());
    near(
      found.vectors.flat(),
      vectors.flatMap((vector) => [...(vector ?? [])]),
    );
    assert.deepEqual(found.map, { source: map?.source, target: map?.target });
  });

  const text = "(await model.translate(['1 2 3'], { beam: 4 }))[0].text";

  test('a packed model is loaded from its URL, a response, a file and bytes, and tells how much has arrived', async () => {
    const found = await inPage<{ texts: string[]; last: object; threads: number }>(`
      const texts = [];
      const told = [];
      const response = () => fetch('models/one.decade');
      const sources = ['models/one.decade', await response(), await (await response()).blob(), new Uint8Array(await (await response()).arrayBuffer())];
      for (const source of [...sources, sources.slice(2)]) {
        const model = await load(source, { cache: false, threads: 1, onProgress: (progress) => told.push(progress) });
        texts.push(${text});
        await model.dispose();
      }
      const { bytes, total } = told.at(-1);
      return { texts, told: told.length >= 2, whole: bytes === total, kept: (await caches.keys()).length };`);
    assert.deepEqual(found, { texts: Array(5).fill(expected[0]?.text), told: true, whole: true, kept: 0 });
  });

  test('a packed model is kept: without a network it is the one of the last visit, and with its hash nobody is asked', async () => {
    const visit = (options: object = {}) =>
      inPage<{ text: string; warnings: string[] }>(`
        const model = await load('models/one.decade', ${JSON.stringify({ threads: 1, ...options })});
        const text = ${text};
        await model.dispose();
        return { text, warnings: model.warnings.map(({ message }) => message) };`);
    const of = { text: expected[0]?.text, warnings: [] };
    assert.deepEqual(await visit(), of);
    page.site.requests.length = 0;
    assert.deepEqual(await visit({ integrity: hash }), of);
    assert.ok(!page.site.requests.includes('/models/one.decade'));
    const before = page.browser.complaints.length;
    page.site.isUnreachable = (path) => path.startsWith('/models/');
    const offline = await visit();
    assert.equal(offline.text, of.text);
    assert.match(offline.warnings.join(), /The model as it was at an earlier visit is used/);
    await inPage('await decade.clearCache();');
    await assert.rejects(visit(), /a request that failed/);
    page.site.isUnreachable = () => false;
    // The browser logs what it cannot reach.
    page.browser.complaints.splice(before);
  });

  test('two loads of one model at once, and one that is ended meanwhile, do not disturb each other', async () => {
    const found = await inPage<unknown[]>(`
      const stop = new AbortController();
      const ended = load('models/one.decade', { signal: stop.signal });
      setTimeout(() => stop.abort(new Error('enough')), 0);
      const both = [load('models/one.decade'), load('models/one.decade')];
      const failure = await ended.then(() => 'loaded', ({ message }) => message);
      const texts = [];
      for (const model of await Promise.all(both)) {
        texts.push(${text});
        await model.dispose();
      }
      await decade.clearCache();
      return [failure, ...texts];`);
    assert.deepEqual(found, ['enough', expected[0]?.text, expected[0]?.text]);
  });

  test('in an isolated page, much work is divided among threads, with the same results', async () => {
    const requests: string[] = [];
    const found = await page.runUnder<{ threads: number; same: boolean }>(
      isolation,
      `
      // A beam that would be much work, if it were not for the maximum length.
      const lines = Array.from({ length: 600 }, (_, line) => Array.from({ length: 10 }, (_, digit) => (line + digit) % 10).join(' '));
      const texts = [];
      for (const threads of [1, 2]) {
        const model = await load('runs/quickstart', { threads, beam: 1_000, maximumLength: 1 });
        texts.push((await model.translate(lines)).map(({ text }) => text).join());
        await model.dispose();
        if (model.threads !== threads) throw new Error('threads');
      }
      return { same: texts[0] === texts[1] && texts[0].length > 100 };`,
      requests,
    );
    assert.deepEqual(found, { same: true });
    assert.equal(requests.filter((path) => /\/worker(-relaxed)?\.js$/.test(path)).length, 4, 'two models, one of them with two devices');
  });

  const under = <Value>(policy: string, body: string) => page.runUnder<Value>({ 'content-security-policy': policy }, body);

  test('needs no more of a content security policy than the documentation says', async () => {
    const body = "const model = await load('runs/quickstart', { beam: 4 }); return (await model.translate(['1 2 3']))[0].text;";
    assert.equal(await under(strictPolicy, body), expected[0]?.text);
  });

  test('says so where the page may start no worker, or may not compile the kernels', async () => {
    const body = "return load('runs/quickstart').then(() => 'loaded', ({ message }) => message);";
    const before = page.browser.complaints.length;
    assert.match(await under(`${strictPolicy}; worker-src 'none'`, body), /a worker that could not be started.*worker-src/);
    assert.match(await under("default-src 'self'", body), /^kernels: a browser that does not compile them .*'wasm-unsafe-eval'/);
    // The browser logs what it refuses.
    page.browser.complaints.splice(before);
  });

  test('the page of the documentation translates as one types', async () => {
    await page.show('/translate.html');
    const typed = await page.browser.evaluate<string>(`new Promise((resolve) => {
      const [source, target] = [document.querySelector('#source'), document.querySelector('#target')];
      new MutationObserver(() => resolve(target.textContent)).observe(target, { childList: true });
      source.value = '1 2 3';
      // Until the page has loaded its model, nobody listens.
      setInterval(() => source.dispatchEvent(new Event('input')), 50);
    })`);
    assert.equal(typed, expected[0]?.text);
  });

  test('nothing was asked of another server, and nothing complained but for the run that is not there', () => {
    assert.deepEqual(
      page.browser.complaints.filter((complaint) => !complaint.includes('/runs/nothing/model.json')),
      [],
    );
  });

  function documentedPage(): string {
    const [page] = codeBlocks('docs/browser.md').filter(({ language }) => language === 'html');
    return page?.text ?? assert.fail('no page in docs/browser.md');
  }
});

test('the shipped workers import nothing but what reads tokenizers from elsewhere, and hold one build of the kernels each', () => {
  const workers = ['worker', 'worker-relaxed', 'training-worker', 'training-worker-relaxed'].map((name) =>
    readFileSync(join(compiledSource, `browser/${name}.js`), 'utf8'),
  );
  for (const worker of workers) {
    assert.doesNotMatch(worker, /\b(?:import|from)\s*["']|\bimport\((?!"\.\/(?:imported-tokenizers|guided-search|phrase-searcher)\.js"\))/);
    assert.equal(worker.match(/0061736d01000000/g)?.length, 1, 'WebAssembly in hexadecimal');
  }
});
