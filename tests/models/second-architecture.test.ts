import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { build } from 'esbuild';
import { repository } from '../house/sources.js';
import { digitPairs } from '../training/tiny-run.js';

/** A copy of everything with one more architecture: a folder, and its lines in the table of architectures. */
describe('a second architecture', () => {
  const house = mkdtempSync(join(tmpdir(), 'decade-architecture-'));
  after(() => rmSync(house, { recursive: true, force: true }));
  for (const name of [
    'src',
    'bench',
    'tsconfig.json',
    'package.json',
    'tests/models/bag-of-words',
    'tests/experiments/back-translation.ts',
    // What the benchmark of pages opens them with.
    'tests/browser/web-page.ts',
    'tests/browser/web-site.ts',
    'tests/cli/browser.ts',
    'tests/house/sources.ts',
  ])
    cpSync(join(repository, name), join(house, name), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(house, 'node_modules'), 'junction');
  moveIn(join(house, 'tests/models/bag-of-words'), join(house, 'src/models/bag-of-words'));
  register(join(house, 'src/models/create.ts'));

  test('compiles when its folder and its lines in the table are all that is added', () => {
    assert.equal(run(['node_modules/typescript/bin/tsc', '--noEmit', '--singleThreaded']), '');
  });

  test('trains, translates and is reported; what needs layers is refused with the reason', async () => {
    writeFileSync(join(house, 'train.tsv'), digitPairs(300, 1));
    writeFileSync(join(house, 'dev.tsv'), digitPairs(20, 2));
    writeFileSync(join(house, 'bag.yaml'), configuration);
    writeFileSync(join(house, 'program.ts'), program);
    await bundle();
    const { perplexity, translation, parts, page, pipeline, simulation, experiment, experimentOfAny } = JSON.parse(
      run(['dist/program/program.js']),
    ) as Outcome;
    // Ten digits are equally frequent; the sentence says which of them can come.
    assert.ok(perplexity > 1 && perplexity < 8, `${perplexity}`);
    // It knows which words there are, not their order or their number.
    assert.match(translation, /^7( 7)*$/);
    assert.deepEqual(parts, ['source.embedding', 'target.embedding', 'output']);
    assert.match(page, /bag of words of 8 values/);
    assert.match(page, /id="attention"/);
    assert.match(page, /No map of sentence/);
    assert.match(pipeline, /^pipeline, model\.kind: .*cannot be split into layers.*strategy=data/);
    assert.match(simulation, /^simulation, model\.kind: bag of words of 8 values; expected a network of recurrent or attentive layers/);
    assert.match(experiment, /^reproduce, model\.kind: bag-of-words; expected (one of )?lstm/);
    assert.equal(experimentOfAny, 2);
  });

  /** One file for the program and one for its threads: to load every module by itself takes longer than their work. */
  async function bundle(): Promise<void> {
    await build({
      absWorkingDir: house,
      // Beside each other, as the compiled folders of the house are.
      entryPoints: { 'program/program': 'program.ts', 'node/device-thread': 'src/node/device-thread.ts' },
      outdir: 'dist',
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['koffi'],
      banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
      logLevel: 'error',
    });
  }

  function run(args: readonly string[]): string {
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd: house, encoding: 'utf8', timeout: 240_000 });
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  }
});

/** What the program found out; what was refused is told by its message. */
interface Outcome {
  readonly perplexity: number;
  readonly translation: string;
  readonly parts: readonly string[];
  readonly page: string;
  readonly pipeline: string;
  readonly simulation: string;
  readonly experiment: string;
  /** Trainings of an experiment that asks nothing of the network. */
  readonly experimentOfAny: number;
}

function moveIn(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    writeFileSync(
      join(to, name),
      readFileSync(join(from, name), 'utf8').replaceAll('../../../src/models/', '../').replaceAll('../../../src/', '../../'),
    );
  }
  rmSync(from, { recursive: true });
}

function register(table: string): void {
  const edited = readFileSync(table, 'utf8')
    .replace('[lstmOptions', '[bagOfWordsOptions, lstmOptions')
    .replace('switch (options.kind) {', "$&\n    case 'bag-of-words':\n      return new BagOfWordsModel(options, vocabularies);");
  const imports =
    "import { BagOfWordsModel } from './bag-of-words/model.js';\nimport { bagOfWordsOptions } from './bag-of-words/options.js';\n";
  writeFileSync(table, imports + edited);
}

const configuration = `
version: 1
data: { source: a, target: b, train: { tsv: train.tsv }, dev: { tsv: dev.tsv } }
tokenizer: { kind: word, split: spaces }
model: { kind: bag-of-words, width: 8 }
training:
  optimizer: { kind: adam, learningRate: 0.05 }
  batch: { sentences: 16 }
  stop: { steps: 40 }
  validate: { every: { steps: 10 } }
`;

/** Uses the copy as anyone uses the library; one process, since to start it takes longer than its work. */
const program = `
import { load, report, reproductionCost, train } from './src/index.js';
import { estimateModel } from './src/analysis/cost/estimate.js';
import { simulatedWorkload } from './src/analysis/cost/simulated-workload.js';
import { reproduce } from './src/experiments/reproduce.js';
import { nodeRuntime } from './src/node/runtime.js';
import { readConfiguration } from './src/training/configuration.js';
import { backTranslation } from './tests/experiments/back-translation.js';

const gemm = 'webassembly';
const configuration = await readConfiguration(nodeRuntime.files, 'bag.yaml');
const refusal = (work) => work.then(() => 'done', ({ message }) => message);
const { best } = await train('bag.yaml', { out: 'run', gemm, devices: 2 });
const model = await load('run', { gemm });
const [{ text }] = await model.translate(['7 7 7']);
await model.dispose();
const parallel = { strategy: 'pipeline' };
const experiments = { configuration: 'bag.yaml', out: 'experiments', speedSeconds: 0.01 };
const cut = { ...configuration, training: { ...configuration.training, parallel } };
console.log(JSON.stringify({
  perplexity: best.value,
  translation: text,
  page: (await report('run', { gemm })).page,
  parts: estimateModel(configuration).parts.map(({ name }) => name),
  pipeline: await refusal(train(cut, { out: 'cut', gemm, devices: 2 })),
  simulation: await refusal(simulatedWorkload(nodeRuntime, configuration, { profile: '2014', warn() {} })),
  experiment: await refusal(reproductionCost('reversal', { ...experiments, gemm })),
  experimentOfAny: (await reproduce(nodeRuntime, 'any', { ...experiments, gemm, devices: 1 }, { any: backTranslation() })).account.runs.length,
}));
`;
