// The same models in decade and in ONNX Runtime Web, in one page, in turns. See ../README.md.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { build } from 'esbuild';
import { openWeights } from '../../src/checkpoint/model-files.js';
import { decade } from '../../src/decade.js';
import { writeOnnx } from '../../src/foreign/containers/onnx-file.js';
import { lstmGraphs } from '../../src/foreign/onnx/lstm-graphs.js';
import { transformerGraphs } from '../../src/foreign/onnx/transformer-graphs.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { describeRun } from '../../src/training/run-description.js';
import { names, numberFrom, wholeNumber } from '../../src/cli/arguments.js';
import { isolation, WebPage } from '../../tests/browser/web-page.js';
import { browserName } from '../../tests/cli/browser.js';
import { quantized } from './quantized-graph.js';

interface Options {
  input: string;
  sentences: number;
  threads: number[];
  seconds: number;
}

/** Two ways to translate the same lines. */
interface Pairing {
  readonly model: string;
  readonly precision: 'f32' | 'int8';
  readonly beam: number;
  readonly isOneAtATime: boolean;
  readonly threads: number;
  /** An expression of the page's other script. */
  readonly other: string;
  readonly otherName: string;
}

const modules = fileURLToPath(new URL('../../../node_modules/', import.meta.url));

const command = new Command('beside-onnx')
  .description('Words per second of runs in headless Chromium, beside their exports in transformers.js and ONNX Runtime Web.')
  .argument('<runs...>', 'run directories')
  .requiredOption('--input <FILE>', 'what they translate')
  .option('--sentences <number>', 'so many of its first lines', wholeNumber(1), 32)
  .option('--threads <numbers>', 'of each side', (list: string) => names(list).map(wholeNumber(1, 64)), [1, 2])
  .option('--seconds <number>', 'how long each pairing is measured, both sides in turns', numberFrom(0), 10)
  .action(compare);
await command.parseAsync();

async function compare(runs: readonly string[], { input, sentences, threads, seconds }: Options): Promise<void> {
  if (browserName === undefined) throw new Error('no Chromium on this machine');
  const lines = readFileSync(input, 'utf8').split('\n').filter(Boolean).slice(0, sentences);
  const folder = mkdtempSync(join(tmpdir(), 'decade-beside-'));
  try {
    for (const name of ['models', 'exports']) mkdirSync(join(folder, name));
    await buildScript(join(folder, 'page'));
    const pairings: Pairing[] = [];
    for (const [index, run] of runs.entries()) {
      const kind = await prepare(run, folder, String(index));
      pairings.push(...threads.flatMap((count) => pairingsOf(String(index), kind, count)));
    }
    const page = await WebPage.open({
      '/models/': join(folder, 'models'),
      '/exports/': join(folder, 'exports'),
      '/page/': join(folder, 'page'),
      '/onnx-runtime/': join(modules, 'onnxruntime-web/dist'),
    });
    try {
      console.log(
        ['run', 'precision', 'beam', 'lines/call', 'threads', 'decade words/s', 'beside words/s', 'ratio', 'rounds', 'beside', 'same'].join(
          '\t',
        ),
      );
      for (const pairing of pairings) {
        const { words, decade, other, rounds, same } = await page.runUnder<Measured>(isolation, measuring(pairing, lines, seconds));
        const { model, precision, beam, isOneAtATime, threads, otherName } = pairing;
        const speeds = [decade, other].map((time) => (words / time).toFixed(0));
        const of = [basename(runs[Number(model)] ?? ''), precision, beam, isOneAtATime ? 1 : lines.length, threads];
        console.log([...of, ...speeds, (other / decade).toFixed(2), rounds, otherName, `${same}/${lines.length}`].join('\t'));
      }
    } finally {
      await page.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What transformers.js has is compared with it, all else with a search of this benchmark's own over the exported graphs. */
function pairingsOf(model: string, kind: string, threads: number): Pairing[] {
  return (['f32', 'int8'] as const).flatMap((precision) => {
    const dtype = precision === 'f32' ? 'fp32' : 'q8';
    const onnx = JSON.stringify({ name: model, dtype, threads });
    const shared = { model, precision, threads };
    const greedily = (isOneAtATime: boolean): Pairing => ({
      ...shared,
      beam: 1,
      isOneAtATime,
      other: `transformersJs(${onnx}, ${isOneAtATime})`,
      otherName: 'transformers.js',
    });
    const searching = (beam: number): Pairing => ({
      ...shared,
      beam,
      isOneAtATime: false,
      other: `onnxRuntime(${onnx}, ${beam})`,
      otherName: 'ONNX Runtime Web',
    });
    return [...(kind === 'transformer' ? [greedily(true), greedily(false)] : []), searching(1), searching(5)];
  });
}

/** Packs and exports a run in both precisions; gives its kind. */
async function prepare(run: string, folder: string, name: string): Promise<string> {
  const { files } = nodeRuntime;
  const library = decade(nodeRuntime);
  for (const precision of ['f32', 'int8'] as const)
    await library.pack(run, { out: join(folder, 'models', `${name}-${precision}.decade`), precision });
  const out = join(folder, 'exports', name);
  await library.exportModel(run, { out, to: 'onnx' });
  const { model: options, weights } = await describeRun(files, run);
  const values = await openWeights(files, run, weights);
  try {
    if (options.kind !== 'lstm' && options.kind !== 'transformer') throw new Error(`${run}: ${options.kind} is no graph`);
    const graphs = options.kind === 'lstm' ? lstmGraphs(options, values.shapes, true) : transformerGraphs(options, values.shapes, true);
    for (const [file, graph] of graphs) {
      await writeOnnx(files, join(out, 'onnx', `${file}_quantized.onnx`), await quantized(graph, values), values);
    }
    return options.kind;
  } finally {
    await values.close();
  }
}

async function buildScript(outdir: string): Promise<void> {
  const entry = fileURLToPath(new URL('onnx-page.js', import.meta.url));
  // The build without a GPU, which is smaller and no slower, and whose threads find their script beside it.
  const runtime = join(modules, 'onnxruntime-web/dist/ort.wasm.min.mjs');
  const alias = { 'onnxruntime-web/webgpu': runtime, 'onnxruntime-web': runtime };
  await build({ entryPoints: [entry], bundle: true, format: 'esm', platform: 'browser', outdir, alias, logLevel: 'error' });
}

/** Seconds of a pass: the median. */
interface Measured {
  readonly words: number;
  readonly decade: number;
  readonly other: number;
  readonly rounds: number;
  /** Lines that both translate alike. */
  readonly same: number;
}

/** Each side translates all lines, in turns, so that whatever else the machine does slows both; the first round is not counted. */
function measuring({ model, precision, beam, isOneAtATime, threads, other }: Pairing, lines: readonly string[], seconds: number): string {
  return `
    const { transformersJs, onnxRuntime } = await import('/page/onnx-page.js');
    const lines = ${JSON.stringify(lines)};
    const translateThere = await ${other};
    const model = await load('/models/${model}-${precision}.decade', { threads: ${threads}, cache: false });
    const translateHere = async () => {
      const texts = [];
      for (const some of ${isOneAtATime ? 'lines.map((line) => [line])' : '[lines]'})
        texts.push(...(await model.translate(some, { beam: ${beam}, forbidUnknown: true })).map(({ text }) => text));
      return texts;
    };
    const times = [[], []];
    const texts = [];
    const started = performance.now();
    for (let round = 0; round < 4 || performance.now() - started < ${1000 * seconds}; round++) {
      for (const [side, translate] of [translateHere, () => translateThere(lines)].entries()) {
        const start = performance.now();
        texts[side] = await translate();
        if (round > 0) times[side].push((performance.now() - start) / 1000);
      }
    }
    await model.dispose();
    const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    const words = texts[0].reduce((sum, text) => sum + text.split(/\\s+/).length, 0);
    // Of several lines in one call, transformers.js writes on behind the end of those that have ended.
    const same = texts[0].filter((text, line) => ${isOneAtATime} ? text === texts[1][line].trim() : texts[1][line].trim().startsWith(text)).length;
    if (same < lines.length / 2) throw new Error(JSON.stringify(texts.map((each) => each.slice(0, 3))));
    return { words, decade: median(times[0]), other: median(times[1]), rounds: times[0].length, same };`;
}
