import type { MatrixProvider, ProductShape } from '../../tensor/matrix.js';
import type { Memory } from '../../tensor/memory.js';

/** Speed in 10^9 additions and multiplications a second, one thread. */
export interface Speed {
  /** Products of matrices used once: inputs, weight gradients, logits. */
  plainGflops: number;
  /** Products of a few rows with packed weights: a recurrence. */
  packedGflops: number;
  /** Over both, as a training step mixes them. */
  gflops: number;
}

/**
 * The products of an LSTM's training step, smaller where that does not change the speed: each takes about a
 * millisecond, so that some rounds go undisturbed on a busy machine.
 */
const samples: readonly ProductShape[] = [
  { m: 64, n: 2048, k: 512, transposeA: false, transposeB: true, accumulate: true, packed: true },
  { m: 64, n: 512, k: 2048, transposeA: false, transposeB: false, accumulate: false, packed: true },
  { m: 24, n: 2048, k: 512, transposeA: false, transposeB: true, accumulate: true, packed: true },
  { m: 128, n: 1024, k: 512, transposeA: false, transposeB: true, accumulate: false, packed: false },
  { m: 128, n: 512, k: 1024, transposeA: false, transposeB: false, accumulate: false, packed: false },
  { m: 512, n: 512, k: 384, transposeA: true, transposeB: false, accumulate: true, packed: false },
];

/** A provider that takes this many times the fastest one's time in the first round is not worth more rounds. */
const hopeless = 2;

/** At least so many rounds, of which the first warms up: code is generated, pages are touched. */
const leastRounds = 5;
/** Where the machine is so busy that the rounds take this many times the time that they were given, the least must do. */
const patience = 6;

export interface Measurement {
  /** How long to measure, by the clock. */
  readonly milliseconds: number;
  /** Milliseconds that this thread has computed; see `processorClock`. */
  readonly clock: () => number;
  /** A provider that takes this many times the fastest one's time in the first round gets no more of them. Default: none does. */
  readonly hopeless?: number;
  /** Products of fewer operations are repeated at once until they come to so many: reading the clock takes time, too. Default: none is. */
  readonly leastOperations?: number;
}

/** The speed of each provider on products as those of a training step. */
export function measureSpeeds(memory: Memory, providers: readonly MatrixProvider[], measurement: Measurement): Speed[] {
  return timeProducts(memory, providers, samples, { hopeless, ...measurement }).map((milliseconds) => {
    const timed = samples.map((sample, at) => ({ sample, milliseconds: milliseconds[at] as number }));
    return {
      plainGflops: gflops(timed.filter(({ sample }) => !sample.packed)),
      packedGflops: gflops(timed.filter(({ sample }) => sample.packed)),
      gflops: gflops(timed),
    };
  });
}

/**
 * Milliseconds of each product with each provider. Takes the providers in turn, so that what else the machine does hits them alike, by
 * the time that the processor worked for this thread, so that waiting for it counts for nothing; the best time of each product counts.
 */
export function timeProducts(
  memory: Memory,
  providers: readonly MatrixProvider[],
  shapes: readonly ProductShape[],
  { milliseconds, clock, hopeless: tooSlow = Number.POSITIVE_INFINITY, leastOperations = 0 }: Measurement,
): number[][] {
  const bytes = 4 * Math.max(...shapes.map(({ m, n, k }) => Math.max(m * k, n * k, m * n)));
  const block = memory.allocate(3 * bytes);
  try {
    const { f32 } = memory;
    for (let at = 0; at < block.bytes / 4; at++) f32[block.offset / 4 + at] = ((at * 0.6180339887498949) % 1) - 0.5;
    const timed = providers.map((provider) =>
      shapes.map((shape) => ({
        best: Number.POSITIVE_INFINITY,
        times: Math.max(1, Math.ceil(leastOperations / (2 * shape.m * shape.n * shape.k))),
        ...bind(provider, shape, block.offset, bytes),
      })),
    );
    const [start, startByTheWall] = [clock(), performance.now()];
    const hasTime = () => clock() - start < milliseconds && performance.now() - startByTheWall < patience * milliseconds;
    let contenders = timed;
    for (let round = 0; round < leastRounds || hasTime(); round++) {
      for (const entries of contenders) {
        for (const entry of entries) {
          const before = clock();
          for (let time = 0; time < entry.times; time++) entry.run();
          const elapsed = (clock() - before) / entry.times;
          if (round > 0) entry.best = Math.min(entry.best, elapsed);
        }
      }
      if (round === 1) {
        const limit = tooSlow * Math.min(...timed.map(totalTime));
        contenders = timed.filter((entries) => totalTime(entries) <= limit);
      }
    }
    for (const entry of timed.flat()) entry.release();
    return timed.map((entries) => entries.map(({ best }) => best));
  } finally {
    memory.free(block);
  }
}

function bind(provider: MatrixProvider, shape: ProductShape, offset: number, bytes: number): { run(): void; release(): void } {
  const { m, n, k, transposeB, accumulate, packed } = shape;
  const [a, b, c] = [offset, offset + bytes, offset + 2 * bytes] as const;
  if (!packed) return { run: () => provider.multiply({ ...shape, a, b, c }), release: () => {} };
  const weights = provider.pack({ n, k, b, transposeB });
  return { run: () => weights.multiply({ m, a, c, accumulate }), release: () => weights.release() };
}

function gflops(timed: readonly { sample: ProductShape; milliseconds: number }[]): number {
  const operations = timed.reduce((sum, { sample: { m, n, k } }) => sum + 2 * m * n * k, 0);
  const total = timed.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  return Math.round(operations / total / 1e5) / 10;
}

function totalTime(entries: readonly { best: number }[]): number {
  return entries.reduce((sum, { best }) => sum + best, 0);
}
