import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TranslationResult } from '../../src/decoding/translator.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/training/train.js';
import { Browser, browserName } from '../cli/browser.js';
import { codeBlocks } from '../house/documentation.js';
import { compiledSource } from '../house/sources.js';
import { digitPairs, localContext, tinyConfiguration } from '../training/tiny-run.js';
import { WebSite } from './web-site.js';

const lines = ['1 2 3', '4 5', '', '9 8 7 6 5 x'];
const options = { beam: 4, nbest: 3, attention: true } as const;
const folder = mkdtempSync(join(tmpdir(), 'decade-site-'));
const run = join(folder, 'runs/quickstart');
/** A page for expressions. */
const blank = '<!doctype html><meta charset="utf-8"><title>blank</title>';
/** What the documentation asks for. */
const strictPolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const library = "const { DecadeError, load } = await import('/node_modules/decade/dist/src/browser/index.js');";

describe('decade in a browser', { skip: browserName === undefined && 'no Chromium here' }, () => {
  let browser: Browser;
  let site: WebSite;
  let expected: readonly TranslationResult[];

  before(async () => {
    mkdirSync(folder, { recursive: true });
    for (const [name, seed] of Object.entries({ train: 1, dev: 2 })) writeFileSync(join(folder, `${name}.tsv`), digitPairs(200, seed));
    const model = { hidden: 32, attention: 'dot', dropout: 0 } as const;
    const configuration = tinyConfiguration({ stop: { steps: 60 } }, { directory: folder, model });
    await train(localContext(nodeRuntime.files), configuration, { out: run });
    expected = await inNode();
    site = await openSite();
    browser = await Browser.start(browserName ?? '');
    await browser.open(site.url('/blank.html'), { width: 800 });
  });
  after(async () => {
    await browser?.end();
    await site?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function openSite(headers: Readonly<Record<string, string>> = {}): Promise<WebSite> {
    const folders = { '/node_modules/decade/dist/src/': compiledSource, '/runs/': join(folder, 'runs') };
    return WebSite.open(folders, { '/blank.html': blank, '/translate.html': documentedPage(), '/favicon.ico': '' }, headers);
  }

  async function inNode(): Promise<TranslationResult[]> {
    const model = await load(nodeRuntime, run, { gemm: 'webassembly', devices: 1 });
    try {
      return await model.translate(lines, options);
    } finally {
      await model.dispose();
    }
  }

  /** What a function's body in the page returns; it has `load`. */
  const inPage = <Value>(body: string) => browser.evaluate<Value>(`(async () => { ${library}\n${body} })()`);

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
    site.requests.length = 0;
    await inPage("await (await load('/runs/quickstart/')).dispose();");
    const asked = site.requests.filter((path) => path.startsWith('/runs/')).sort();
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
      /^runs, item 2: 5; expected URLs/,
      /^lines: '1 2 3'; expected a list of text/,
      /^lines: '1 2 3'; expected a list or a stream of text/,
      /^line 1: 3 tokens; only the first 1 were used/,
      /^page: enough/,
      /^model: a call after dispose/,
      /^model: a call after dispose/,
    ];
    assert.equal(failures.length, messages.length, failures.join('\n'));
    for (const [index, message] of messages.entries()) assert.match(failures[index] ?? '', message);
  });

  /** What an expression gives in a page with a content security policy. */
  async function under<Value>(policy: string, body: string): Promise<Value> {
    const strict = await openSite({ 'content-security-policy': policy });
    try {
      await browser.open(strict.url('/blank.html'), { width: 800 });
      return await inPage<Value>(body);
    } finally {
      await strict.close();
      await browser.open(site.url('/blank.html'), { width: 800 });
    }
  }

  test('needs no more of a content security policy than the documentation says', async () => {
    const body = "const model = await load('runs/quickstart', { beam: 4 }); return (await model.translate(['1 2 3']))[0].text;";
    assert.equal(await under(strictPolicy, body), expected[0]?.text);
  });

  test('says so where the page may start no worker, or may not compile the kernels', async () => {
    const body = "return load('runs/quickstart').then(() => 'loaded', ({ message }) => message);";
    const before = browser.complaints.length;
    assert.match(await under(`${strictPolicy}; worker-src 'none'`, body), /a worker that could not be started.*worker-src/);
    assert.match(await under("default-src 'self'", body), /^kernels: a browser that does not compile them .*'wasm-unsafe-eval'/);
    // The browser logs what it refuses.
    browser.complaints.splice(before);
  });

  test('the page of the documentation translates as one types', async () => {
    await browser.open(site.url('/translate.html'), { width: 800 });
    const typed = await browser.evaluate<string>(`new Promise((resolve) => {
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
      browser.complaints.filter((complaint) => !complaint.includes('/runs/nothing/model.json')),
      [],
    );
  });

  function documentedPage(): string {
    const [page] = codeBlocks('docs/browser.md').filter(({ language }) => language === 'html');
    return page?.text ?? assert.fail('no page in docs/browser.md');
  }
});

test('the shipped workers import nothing, and hold one build of the kernels each', () => {
  const workers = ['worker', 'worker-relaxed'].map((name) => readFileSync(join(compiledSource, `browser/${name}.js`), 'utf8'));
  for (const worker of workers) {
    assert.doesNotMatch(worker, /\b(?:import|from)\s*["']|\bimport\(/);
    assert.equal(worker.match(/AGFzbQ/g)?.length, 1, 'WebAssembly in base64');
  }
});
