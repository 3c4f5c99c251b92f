// Runs decade and its peers in turn on this machine and prints medians and ratios. See ../README.md.
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { names, numberFrom, wholeNumber } from '../../src/cli/arguments.js';
import { benchShapeNames } from '../../src/analysis/cost/bench-shapes.js';
import { calm, compare, fastestOfDecade, type Measurement, ratioTable, type Samples, table } from './comparison.js';
import type { Contender, Surroundings } from './contender.js';
import { decodingContenders, decodingSubject } from './decoding-contenders.js';
import { NoResult } from './program.js';
import { processorTime, usedByOthers } from './processor-time.js';
import { shapeDecodingContenders, shapeDecodingSubject } from './shape-decoding-contenders.js';
import { type PythonWithTorch, pythonsWithTorch } from './torch.js';
import { trainingContenders } from './training-contenders.js';

interface Options {
  shapes?: string[];
  beams: string[];
  only?: string[];
  rounds: number;
  seconds: number;
  minutes: number;
  run: string;
  input: string;
  sentences: number;
  python?: string[];
  node: string;
  json?: boolean;
}

const command = new Command('peers')
  .description(
    'decade and its peers in turn: each is measured for some seconds, round after round, and the medians are compared with\n' +
      "PyTorch's: as it is usually run, and the fastest of all. What is not installed is left out, with the reason.",
  )
  .argument('[subject]', 'training or decoding (default: training)', 'training')
  .option(
    '--shapes <names>',
    `training: of ${benchShapeNames.join(', ')} (default: small, base, deep); decoding: transformer-... with random weights, instead of a run`,
    names,
  )
  .option('--beams <numbers>', 'decoding: 1 is greedy search', names, ['1', '12'])
  .option('--only <names>', 'only these contenders, of those that --help lists', names)
  .option('--rounds <number>', 'how often each is measured', wholeNumber(1, 100), 3)
  .option('--seconds <number>', 'how long each is measured each time', numberFrom(0), 5)
  .option('--minutes <number>', 'nothing more is measured after that', numberFrom(0), 120)
  .option('--run <RUN>', 'decoding: the trained model that all use', 'runs/quickstart')
  .option('--input <FILE>', 'decoding: what they translate', 'runs/quickstart/test.en')
  .option('--sentences <number>', 'decoding: so many of its lines, evenly spread', wholeNumber(1), 320)
  .option(
    '--python <PATHS>',
    'interpreters that have PyTorch (default: every version that python3, pyenv and environments here have)',
    names,
  )
  .option('--node <PATH>', 'the Node.js that runs decade and the packages', process.execPath)
  .option('--json', 'print one JSON object')
  .addHelpText('after', () => {
    const lines = (contenders: readonly Contender[]) => contenders.map(({ name, description }) => `  ${name.padEnd(22)} ${description}`);
    const here = surroundings([{ python: 'python3', version: '' }], process.execPath);
    const decoding = decodingContenders(here, { run: '', input: '', sentences: 1 });
    return [
      ...['\nTraining:', ...lines(trainingContenders(here)), '\nDecoding:', ...lines(decoding)],
      ...['\nDecoding with --shapes:', ...lines(shapeDecodingContenders(here)), '\nExamples:', ...examples],
    ].join('\n');
  })
  .action(measureAll);

const examples = [
  '  $ npm run -s peers -- training --shapes small --only torch-f32,decade-f32-2',
  '  $ npm run -s peers -- training --shapes transformer-tiny,lm-micro --seconds 6',
  '  $ npm run -s peers -- decoding --run runs/mine --input test.en --beams 1,12',
  '  $ npm run -s peers -- decoding --shapes transformer-small --beams 1,5',
];

function surroundings(pythons: readonly PythonWithTorch[], node: string): Surroundings {
  const repository = repositoryOf(new URL('.', import.meta.url));
  return { pythons, node, cores: cpus().length, sources: `${repository}bench/peers`, folder: `${repository}.build/peers` };
}

/** The folder that holds the compiled one, `dist` or a folder of `.build`. */
function repositoryOf(compiled: URL): string {
  const path = fileURLToPath(compiled);
  const place = Math.max(path.lastIndexOf('/dist/'), path.lastIndexOf('/.build/'));
  return path.slice(0, place + 1);
}

async function measureAll(subject: string, options: Options): Promise<void> {
  const found = pythonsWithTorch(options.python);
  const pythons = 'missing' in found ? [] : found;
  if ('missing' in found) say(`PyTorch is left out: ${found.missing}`);
  const here = surroundings(pythons, options.node);
  if (subject !== 'training' && subject !== 'decoding') throw new NoResult(`no subject ${subject}; there are training and decoding`);
  const { known, subjects } = comparisonOf(subject, here, options);
  const unknown = options.only?.find((name) => !known.some((contender) => contender.name === name));
  if (unknown !== undefined) throw new NoResult(`no contender ${unknown}; there are ${known.map(({ name }) => name).join(', ')}`);
  const contenders = known.filter(({ name }) => options.only?.includes(name) ?? true);
  const machine = {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    node: process.version,
    torch: pythons.map(({ version }) => version),
  };
  const samples: Samples[] = [];
  const print = () => {
    const rows = compare(samples);
    if (options.json) {
      console.log(JSON.stringify({ subject, machine, rows }, undefined, 2));
      return;
    }
    const { processor, cores, node } = machine;
    const torch = pythons.length === 0 ? 'no PyTorch' : `PyTorch ${pythons.map(({ version }) => version).join(' and ')}`;
    const rounds = `medians of ${options.rounds} rounds of ${options.seconds} s each`;
    console.log(
      `${processor}, ${cores} cores, Node ${node}, ${torch}; ${rounds}\n\n${rows.length === 0 ? 'nothing was measured' : table(rows)}`,
    );
    const fastest = fastestOfDecade(rows);
    if (fastest.length > 0)
      console.log(`\ndecade at its fastest, against PyTorch as it is usually run and the best of all:\n\n${ratioTable(fastest)}`);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      say('interrupted: what was measured until now');
      print();
      process.exit(130);
    });
  }
  const end = performance.now() + 60_000 * options.minutes;
  for (const name of subjects) await measureInTurn(name, contenders, { ...options, end }, samples);
  print();
}

/** Who is compared on what. */
function comparisonOf(subject: 'training' | 'decoding', here: Surroundings, options: Options): { known: Contender[]; subjects: string[] } {
  const { shapes, beams } = options;
  if (subject === 'training') return { known: trainingContenders(here), subjects: shapes ?? ['small', 'base', 'deep'] };
  if (shapes === undefined) {
    return { known: decodingContenders(here, options), subjects: beams.map((beam) => decodingSubject(Number(beam))) };
  }
  const searches = shapes.flatMap((shape) => beams.map((beam) => shapeDecodingSubject(shape, Number(beam))));
  return { known: shapeDecodingContenders(here), subjects: searches };
}

/**
 * All contenders on one subject, added to `samples`: a round measures each once. One that has no result is left out of
 * the rounds after.
 */
async function measureInTurn(
  subject: string,
  contenders: readonly Contender[],
  { rounds, seconds, end }: Options & { readonly end: number },
  samples: Samples[],
): Promise<void> {
  const turns = contenders.map((contender) => ({ contender, measurements: [] as Measurement[] }));
  samples.push(...turns.map(({ contender: { name, role }, measurements }) => ({ subject, contender: name, role, measurements })));
  const absent = new Set<Contender>();
  for (let round = 1; round <= rounds; round++) {
    for (const { contender, measurements } of turns) {
      if (absent.has(contender)) continue;
      if (performance.now() > end) {
        say(`${subject}, round ${round}, ${contender.name}: no time is left (--minutes)`);
        return;
      }
      try {
        const before = processorTime();
        const measurement = await contender.measure(subject, seconds);
        const after = processorTime();
        const disturbance = before === undefined || after === undefined ? undefined : usedByOthers(before, after);
        measurements.push({ ...measurement, disturbance });
        const speed = `${Math.round(measurement.wordsPerSecond).toLocaleString('en-US')} words/s`;
        const warning =
          (disturbance ?? 0) > calm ? ` (others used ${Math.round(100 * (disturbance ?? 0))} % of the machine meanwhile)` : '';
        say(`${subject}, round ${round}, ${contender.name}: ${speed}${warning}`);
      } catch (error) {
        if (!(error instanceof NoResult)) throw error;
        absent.add(contender);
        say(`${subject}, ${contender.name} is left out: ${error.message}`);
      }
    }
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  await command.parseAsync();
} catch (error) {
  if (!(error instanceof NoResult)) throw error;
  say(error.message);
  process.exitCode = 2;
}
