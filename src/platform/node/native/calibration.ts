import { stat } from 'node:fs/promises';
import { cpus, homedir } from 'node:os';
import { z } from 'zod';
import { joinPath } from '../../../core/files.js';
import type { MatrixProvider } from '../../../tensor/matrix.js';
import type { Memory } from '../../../tensor/memory.js';
import { nodeFiles } from '../files.js';

/** Speed in 10^9 additions and multiplications a second, one thread. */
export interface Speed {
  /** Products of matrices used once: inputs, weight gradients, logits. */
  plainGflops: number;
  /** Products of a few rows with packed weights: a recurrence. */
  packedGflops: number;
  /** Over both, as a training step mixes them. */
  gflops: number;
}

interface Sample {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
  accumulate: boolean;
  packed: boolean;
}

/**
 * The products of an LSTM's training step, smaller where that does not change the speed: each takes about a
 * millisecond, so that some rounds go undisturbed on a busy machine.
 */
const samples: readonly Sample[] = [
  { m: 64, n: 2048, k: 512, transposeA: false, transposeB: true, accumulate: true, packed: true },
  { m: 64, n: 512, k: 2048, transposeA: false, transposeB: false, accumulate: false, packed: true },
  { m: 24, n: 2048, k: 512, transposeA: false, transposeB: true, accumulate: true, packed: true },
  { m: 128, n: 1024, k: 512, transposeA: false, transposeB: true, accumulate: false, packed: false },
  { m: 128, n: 512, k: 1024, transposeA: false, transposeB: false, accumulate: false, packed: false },
  { m: 512, n: 512, k: 384, transposeA: true, transposeB: false, accumulate: true, packed: false },
];

/** A provider that takes this many times the fastest one's time in the first round is not worth more rounds. */
const hopeless = 2;

/** Times the providers in turn, so that what else the machine does hits them alike; the best time of each sample counts. */
export function measureSpeeds(memory: Memory, providers: readonly MatrixProvider[], milliseconds: number): Speed[] {
  const bytes = 4 * Math.max(...samples.map(({ m, n, k }) => Math.max(m * k, n * k, m * n)));
  const block = memory.allocate(3 * bytes);
  try {
    const { f32 } = memory;
    for (let at = 0; at < block.bytes / 4; at++) f32[block.offset / 4 + at] = ((at * 0.6180339887498949) % 1) - 0.5;
    const timed = providers.map((provider) =>
      samples.map((sample) => ({ sample, best: Number.POSITIVE_INFINITY, ...bind(provider, sample, block.offset, bytes) })),
    );
    const start = performance.now();
    let contenders = timed;
    // The first round warms up: code is generated, pages are touched.
    for (let round = 0; round < 3 || performance.now() - start < milliseconds; round++) {
      for (const entries of contenders) {
        for (const entry of entries) {
          const before = performance.now();
          entry.run();
          const elapsed = performance.now() - before;
          if (round > 0) entry.best = Math.min(entry.best, elapsed);
        }
      }
      if (round === 1) {
        const limit = hopeless * Math.min(...timed.map(totalTime));
        contenders = timed.filter((entries) => totalTime(entries) <= limit);
      }
    }
    for (const entry of timed.flat()) entry.release();
    return timed.map((entries) => ({
      plainGflops: gflops(entries.filter(({ sample }) => !sample.packed)),
      packedGflops: gflops(entries.filter(({ sample }) => sample.packed)),
      gflops: gflops(entries),
    }));
  } finally {
    memory.free(block);
  }
}

function bind(provider: MatrixProvider, sample: Sample, offset: number, bytes: number): { run(): void; release(): void } {
  const { m, n, k, transposeB, accumulate, packed } = sample;
  const [a, b, c] = [offset, offset + bytes, offset + 2 * bytes] as const;
  if (!packed) return { run: () => provider.multiply({ ...sample, a, b, c }), release: () => {} };
  const weights = provider.pack(n, k, b, transposeB);
  return { run: () => weights.multiply(m, a, c, accumulate), release: () => weights.release() };
}

function gflops(entries: readonly { sample: Sample; best: number }[]): number {
  const operations = entries.reduce((sum, { sample: { m, n, k } }) => sum + 2 * m * n * k, 0);
  return Math.round(operations / totalTime(entries) / 1e5) / 10;
}

function totalTime(entries: readonly { best: number }[]): number {
  return entries.reduce((sum, { best }) => sum + best, 0);
}

const speedSchema = z.object({ plainGflops: z.number(), packedGflops: z.number(), gflops: z.number() });
const recordSchema = z.object({
  formatVersion: z.literal(1),
  /** What was measured, on what. */
  key: z.string(),
  /** By provider and packing: the speed, or why the self-check refused it. */
  results: z.record(z.string(), z.union([speedSchema, z.object({ refused: z.string() })])),
});
export type CalibrationResult = Speed | { refused: string };

/**
 * The results of the last calibration, kept in the user's cache directory: a small JSON file, valid for one processor,
 * one version of Node and the very library files that were measured.
 */
export class CalibrationCache {
  readonly #directory: string;
  readonly #path: string;
  readonly #key: string;

  private constructor(directory: string, name: string, key: string) {
    this.#directory = directory;
    this.#path = joinPath(directory, `matrix-providers-${name}.json`);
    this.#key = key;
  }

  /**
   * @param name of the set of providers that are compared
   * @param measured paths of the library files, and other texts that name what is measured
   */
  static async open(name: string, measured: readonly string[], directory = defaultDirectory()): Promise<CalibrationCache> {
    const identities = await Promise.all(measured.map(fileIdentity));
    return new CalibrationCache(directory, name, [cpus()[0]?.model ?? '', process.arch, process.version, ...identities].join(' | '));
  }

  async read(): Promise<Record<string, CalibrationResult> | undefined> {
    try {
      const record = recordSchema.parse(JSON.parse(await nodeFiles.readText(this.#path)));
      return record.key === this.#key ? record.results : undefined;
    } catch {
      // Missing, unreadable or of another version: measure again.
      return undefined;
    }
  }

  async write(results: Readonly<Record<string, CalibrationResult>>): Promise<void> {
    const temporary = `${this.#path}.${process.pid}`;
    try {
      await nodeFiles.makeDirectory(this.#directory);
      const writer = await nodeFiles.create(temporary);
      await writer.write(new TextEncoder().encode(`${JSON.stringify({ formatVersion: 1, key: this.#key, results }, null, 2)}\n`));
      await writer.close();
      await nodeFiles.rename(temporary, this.#path);
    } catch {
      // A cache that cannot be written costs a second at the next start, no more.
    }
  }
}

function defaultDirectory(): string {
  const { XDG_CACHE_HOME: cacheHome } = process.env;
  return cacheHome === undefined || cacheHome === '' ? joinPath(homedir(), '.cache/decade') : joinPath(cacheHome, 'decade');
}

async function fileIdentity(path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path);
    return `${path} ${size} ${mtimeMs}`;
  } catch {
    return path;
  }
}
