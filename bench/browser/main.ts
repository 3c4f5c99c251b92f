// Words per second in a page. See ../README.md.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Command } from 'commander';
import { names, numberFrom, wholeNumber } from '../../src/cli/arguments.js';
import { browserName } from '../../tests/cli/browser.js';
import { isolation, WebPage } from '../../tests/browser/web-page.js';

/** What a page measured. */
interface Measured {
  readonly words: number;
  readonly seconds: number;
  readonly loadSeconds: number;
  readonly threads: number;
}

interface Options {
  input: string;
  beams: number[];
  threads: number[];
  seconds: number;
  sentences: number;
}

const command = new Command('browser')
  .description('Words per second of models in headless Chromium: a page loads each and translates the same lines again and again.')
  .argument('<models...>', 'run directories and packed models')
  .option('--input <FILE>', 'what they translate', 'runs/quickstart/test.en')
  .option('--sentences <number>', 'so many of its first lines', wholeNumber(1), 200)
  .option('--beams <numbers>', '1 is greedy search', wholeNumbers, [1, 4])
  .option('--threads <numbers>', 'of the page, which is cross-origin isolated', wholeNumbers, [1, 2])
  .option('--seconds <number>', 'how long each is measured', numberFrom(0), 10)
  .action(async (models: string[], options: Options) => {
    if (browserName === undefined) throw new Error('no Chromium on this machine');
    const lines = readFileSync(options.input, 'utf8').split('\n').filter(Boolean).slice(0, options.sentences);
    await measureAll(models, lines, options);
  });
await command.parseAsync();

function wholeNumbers(list: string): number[] {
  return names(list).map(wholeNumber(1, 1_000));
}

async function measureAll(models: readonly string[], lines: readonly string[], { beams, threads, seconds }: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'decade-bench-'));
  const page = await WebPage.open({ '/models/': folder });
  try {
    console.log(['model', 'beam', 'threads', 'words/s', 'load s'].join('\t'));
    for (const [index, model] of models.entries()) {
      const name = served(model, folder, index);
      for (const beam of beams) {
        for (const wanted of threads) {
          const found = await page.runUnder<Measured>(isolation, measuring(name, lines, beam, wanted, seconds));
          const row = [basename(model), beam, found.threads, (found.words / found.seconds).toFixed(0), found.loadSeconds.toFixed(2)];
          console.log(row.join('\t'));
        }
      }
    }
  } finally {
    await page.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puts a model where the page finds it, of a run only what it loads; gives its name there. */
function served(model: string, folder: string, index: number): string {
  if (statSync(model).isFile()) {
    cpSync(resolve(model), join(folder, `${index}.decade`));
    return `${index}.decade`;
  }
  mkdirSync(join(folder, String(index)));
  const names = ['model.json', 'model.safetensors', 'tokenizer.json', 'source-tokenizer.json', 'target-tokenizer.json', 'source-words.txt'];
  for (const name of names) {
    if (statSync(join(model, name), { throwIfNoEntry: false }) !== undefined) cpSync(join(model, name), join(folder, String(index), name));
  }
  return String(index);
}

/** Whole passes over the lines, the first of them uncounted: engines compile what is used often a second time. */
function measuring(name: string, lines: readonly string[], beam: number, threads: number, seconds: number): string {
  return `
    const lines = ${JSON.stringify(lines)};
    const began = performance.now();
    const model = await load(${JSON.stringify(`/models/${name}`)}, { threads: ${threads}, cache: false });
    const loadSeconds = (performance.now() - began) / 1000;
    const count = (texts) => texts.reduce((sum, text) => sum + text.split(/\\s+/).length, 0);
    const pass = async () => count((await model.translate(lines, { beam: ${beam} })).map(({ text }) => text));
    await pass();
    let words = 0;
    const start = performance.now();
    do words += await pass(); while (performance.now() - start < ${1000 * seconds});
    const elapsed = (performance.now() - start) / 1000;
    await model.dispose();
    return { words, seconds: elapsed, loadSeconds, threads: model.threads };`;
}
