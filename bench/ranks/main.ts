/**
 * What several ranks cost on this machine: two of one device beside one of two, an update on slow lines between two network namespaces beside
 * what `decade simulate` predicts for it, and the memory of a rank. Needs Linux, root, iproute2 and Open MPI or MPICH; everything it makes is removed.
 *
 *     node dist/bench/ranks/main.js [--updates N] [--launcher openmpi|mpich] [--gemm NAME] [--only placement,network,memory] [--json FILE]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../peers/comparison.js';
import { Hosts, launchers, type MpiLauncher, outputOf } from './hosts.js';
import type { LinkFigures } from './link.js';
import { type BenchNetwork, measure, type MeasuredTraining, writeWorkload } from './training.js';

const { values: options } = parseArgs({
  options: {
    updates: { type: 'string', default: '6' },
    launcher: { type: 'string', default: 'openmpi' },
    gemm: { type: 'string' },
    only: { type: 'string', default: 'placement,network,memory' },
    json: { type: 'string' },
  },
});
const updates = Math.max(1, Number(options.updates));
const launcher: MpiLauncher = options.launcher === 'mpich' ? 'mpich' : 'openmpi';
const sections = options.only.split(',');

/** 8.4 million parameters. */
const network: BenchNetwork = { hidden: 512, layers: 2 };
/** 34 million. */
const large: BenchNetwork = { hidden: 1024, layers: 2 };
const sentences = 64;
const lines = [
  { name: '10 Gbit', bitsPerSecond: 10e9 },
  { name: '1 Gbit', bitsPerSecond: 1e9 },
  { name: '100 Mbit', bitsPerSecond: 100e6 },
];

const folder = mkdtempSync(join(tmpdir(), 'decade-ranks-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
// The hosts, too, are removed when this process ends. `on`, as a signal that comes twice must not end it before that.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130));

const say = (line: string) => process.stdout.write(`${line}\n`);
const here = (ranks: number) => (command: readonly string[]) => {
  const more = launcher === 'openmpi' ? ['--oversubscribe', '--bind-to', 'none', '--allow-run-as-root'] : [];
  return [launchers[launcher], ...more, '-n', String(ranks), ...command];
};
const train = (changes: Partial<MeasuredTraining> & Pick<MeasuredTraining, 'devices'>) =>
  measure(folder, { network, sentences, updates, gemm: options.gemm, ...changes });

/** Two ranks of one device beside one process of two: alternately, as a machine that others use changes. */
async function placement(sentences: number) {
  const rounds = 3;
  const seconds = { oneOfTwo: [] as number[], twoOfOne: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    seconds.oneOfTwo.push((await train({ devices: 2, sentences })).seconds);
    seconds.twoOfOne.push((await train({ devices: 1, sentences, within: here(2) })).seconds);
  }
  const [one, two] = [Math.min(...seconds.oneOfTwo), Math.min(...seconds.twoOfOne)];
  say(`${sentences} sentences an update`);
  say(`1 process x 2 devices  ${one.toFixed(3)} s`);
  say(`2 ranks x 1 device     ${two.toFixed(3)} s, ${(100 * (two / one - 1)).toFixed(1)} % more`);
  return { sentences, oneOfTwo: one, twoOfOne: two, ratio: two / one };
}

/**
 * Seconds of an update on slow lines, and what is predicted for them from this machine's devices and what the line gives. Names of figures and
 * units are those of `decade simulate --profile CLUSTER.yaml --json`.
 */
async function communication() {
  const hosts = new Hosts();
  try {
    // What each rank computes, at the same time as the other, without a network.
    const halves = [hosts.onFirst, hosts.onSecond].map((on) =>
      train({ devices: 1, sentences: sentences / 2, within: (command) => on.call(hosts, command) }),
    );
    const computingSeconds = median((await Promise.all(halves)).map(({ seconds }) => seconds));
    say(`computing alone        ${computingSeconds.toFixed(3)} s an update`);
    const results = [];
    for (const { name, bitsPerSecond } of lines) {
      hosts.shape({ bitsPerSecond });
      const line = await linkBetween(hosts, bitsPerSecond / 1e9);
      for (const wire of ['f32', 'bf16'] as const) {
        const before = hosts.sentBytes();
        const communication = wire === 'bf16' ? wire : undefined;
        const figures = await train({ devices: 1, communication, within: (command) => hosts.onBoth(launcher, command) });
        const { seconds } = figures;
        const exposedSeconds = Math.max(0, seconds - computingSeconds);
        const sent = hosts.sentBytes().map((bytes, host) => bytes - (before[host] as number));
        // Two updates more than are measured; a rank sends the values to the others when it starts, which is not counted apart.
        const bytes = Math.round(Math.min(...sent) / (updates + 2));
        const share = exposedSeconds / seconds;
        const predictedSeconds = await predict(line, wire);
        const error = predictedSeconds / seconds - 1;
        say(
          `${name.padEnd(9)} ${wire.padEnd(5)}       ${seconds.toFixed(3)} s, of which ${(100 * share).toFixed(0)} % is communication; ` +
            `${(bytes / 1e6).toFixed(1)} MB sent; link ${line.gbits} Gbit/s, ${line.latency} µs, ${line.perByte} ns a byte; ` +
            `predicted ${predictedSeconds.toFixed(3)} s, ${error < 0 ? '' : '+'}${(100 * error).toFixed(0)} %`,
        );
        const figuresOfUpdate = { seconds, predictedSeconds, computingSeconds, exposedSeconds, communication: share, bytes };
        results.push({ name, network: line, wire, nodes: 2, devices: 1, sentences, ...figuresOfUpdate });
      }
    }
    return results;
  } finally {
    hosts.remove();
  }
}

/** Seconds of an update that the simulation gives two ranks of one device on this machine. */
async function predict(line: LinkFigures, wire: 'f32' | 'bf16'): Promise<number> {
  const configuration = writeWorkload(folder, { network, sentences, updates, devices: 1 });
  const profile = join(folder, 'cluster.yaml');
  writeFileSync(
    profile,
    `{ version: 1, name: here, nodes: 2, devices: 1, nodesPerMachine: 2, memoryGiB: 4, device: here, network: ${JSON.stringify(line)}, wire: ${wire} }`,
  );
  const decade = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const words = [decade, 'simulate', configuration, '--profile', profile, '--json'];
  const command = [process.execPath, ...words, ...(options.gemm === undefined ? [] : ['--gemm', options.gemm])];
  const { code, output } = await outputOf(command, { seconds: 120 });
  if (code !== 0) throw new Error(output);
  const { results } = JSON.parse(output.slice(output.indexOf('{'))) as { results: { strategy: string; nodes: number; seconds: number }[] };
  const found = results.find(({ strategy, nodes }) => strategy === 'data' && nodes === 2);
  if (found === undefined) throw new Error('the simulation has no two nodes');
  return found.seconds;
}

/** @throws Error with the output where nothing can be measured */
async function linkBetween(hosts: Hosts, gbits: number): Promise<LinkFigures> {
  const program = [process.execPath, fileURLToPath(new URL('./link.js', import.meta.url)), String(gbits)];
  const { code, output } = await outputOf(hosts.onBoth(launcher, program), { seconds: 60 });
  const [figures] = /^\{.*\}$/m.exec(output) ?? [];
  if (code !== 0 || figures === undefined) throw new Error(output);
  return JSON.parse(figures) as LinkFigures;
}

/** The largest resident memory of a rank. */
async function memory() {
  const results = [];
  for (const ranks of [1, 2, 4]) {
    const figures = await train({
      network: large,
      sentences: 4 * ranks,
      updates: 1,
      devices: 1,
      ...(ranks > 1 && { within: here(ranks) }),
    });
    const peakMiB = figures.use.map((use) => Math.round(use.peakMiB));
    say(`${ranks} ${ranks === 1 ? 'process' : 'ranks  '}              ${peakMiB.join(', ')} MiB resident at most`);
    results.push({ ranks, peakMiB });
  }
  return results;
}

const report = {
  launcher,
  ...(sections.includes('placement') && { placement: [await placement(sentences), await placement(4 * sentences)] }),
  ...(sections.includes('network') && { network: await communication() }),
  ...(sections.includes('memory') && { memory: await memory() }),
};
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
