import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../peers/comparison.js';
import { outputOf } from './hosts.js';
import type { ProcessUse } from './report-use.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** Updates in which code is not compiled for speed yet. */
const warmUp = 2;
/** No training takes longer. */
const mostSeconds = 120;

export interface BenchNetwork {
  readonly hidden: number;
  readonly layers: number;
}

/** A training of `decade train` that is measured. */
export interface MeasuredTraining {
  readonly network: BenchNetwork;
  readonly sentences: number;
  readonly updates: number;
  readonly devices: number;
  readonly gemm?: string | undefined;
  readonly communication?: 'bf16' | undefined;
  /** Makes of a command one that a launcher starts as several ranks, or on a host. */
  readonly within?: ((command: readonly string[]) => readonly string[]) | undefined;
}

export interface TrainingFigures {
  /** Of an update: the median of those measured. */
  readonly seconds: number;
  /** Of each rank. */
  readonly use: readonly ProcessUse[];
}

/** Writes what is learnt into a folder, and gives the configuration: sentences of 24 digits, so that all updates cost the same. */
export function writeWorkload(
  folder: string,
  { network: { hidden, layers }, sentences, updates, communication }: MeasuredTraining,
): string {
  const digits = (seed: number) => Array.from({ length: 24 }, (_, index) => (seed * 7 + index * index) % 10).join('');
  const pairs = join(folder, 'pairs.tsv');
  writeFileSync(pairs, Array.from({ length: 4 * sentences }, (_, pair) => `${digits(pair)}\t${digits(pair + 3)}\n`).join(''));
  const configuration = join(folder, 'configuration.yaml');
  const parallel = communication === undefined ? '' : `\n  parallel: { strategy: data, communication: ${communication} }`;
  writeFileSync(
    configuration,
    `version: 1
data: { train: { tsv: ${JSON.stringify(pairs)} } }
tokenizer: { kind: bytes }
model: { kind: lstm, hidden: ${hidden}, layers: ${layers} }
training:
  batch: { sentences: ${sentences} }
  optimizer: { kind: adam }
  stop: { steps: ${updates + warmUp} }
  checkpoint: { every: { steps: 1000000 } }
  report: { every: { steps: 1 } }${parallel}
`,
  );
  return configuration;
}

/** Trains, in a folder of its own that is removed. @throws Error with the output of a training that fails */
export async function measure(folder: string, training: MeasuredTraining): Promise<TrainingFigures> {
  const { devices, gemm, within = (command) => command } = training;
  const own = mkdtempSync(join(folder, 'run-'));
  try {
    const configuration = writeWorkload(own, training);
    const out = join(own, 'run');
    const words = [here('../../src/cli/main.js'), 'train', configuration, '--out', out, '--devices', String(devices)];
    const command = [process.execPath, '--import', here('./report-use.js'), ...words, ...(gemm === undefined ? [] : ['--gemm', gemm])];
    const { code, output } = await outputOf(within(command), { environment: { DECADE_USE: own }, seconds: mostSeconds });
    if (code !== 0) throw new Error(`${within(command).join(' ')}\n${output}`);
    const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const reports = lines.map((line) => JSON.parse(line) as { kind: string; seconds: number }).filter(({ kind }) => kind === 'report');
    const uses = readdirSync(own).filter((name) => name.startsWith('rank-'));
    return {
      seconds: median(reports.slice(warmUp).map(({ seconds }) => seconds)),
      use: uses.sort().map((name) => JSON.parse(readFileSync(join(own, name), 'utf8')) as ProcessUse),
    };
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
