import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compare, fastestOfDecade, median, ratioTable, type Role, type Samples, table } from '../../bench/peers/comparison.js';
import { agreement } from '../../bench/peers/decoding-contenders.js';
import { spreadLines } from '../../bench/peers/decoding-job.js';
import { parseProcessorTime, usedByOthers } from '../../bench/peers/processor-time.js';
import { parityTable } from '../../bench/peers/parity-table.js';
import { decodingShapeJob, trainingJob } from '../../bench/peers/shapes.js';
import { describeSetting, environmentOf, processorHints, threadSettings } from '../../bench/peers/torch.js';

const samples = (contender: string, role: Role, speeds: number[], peakRssMiB: number, subject = 'small'): Samples => ({
  subject,
  contender,
  role,
  measurements: speeds.map((wordsPerSecond) => ({ wordsPerSecond, peakRssMiB })),
});

describe('comparison of contenders', () => {
  test('medians of odd and even numbers of rounds', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
  });

  test('ratios are to the fastest usual peer and to the fastest of all on the same subject', () => {
    const rows = compare([
      samples('peer, one thread', 'usual', [60, 50, 70], 400),
      samples('peer, two threads', 'usual', [100, 90, 500], 500),
      samples('peer, two processes', 'peer', [160], 1_000),
      samples('decade', 'decade', [200, 190, 210], 250),
      samples('peer, one thread', 'usual', [10], 800, 'base'),
      samples('decade', 'decade', [15], 800, 'base'),
    ]);
    assert.deepEqual(
      rows.map(({ subject, wordsPerSecond, speedRatio, strongestRatio, memoryRatio }) => [
        subject,
        wordsPerSecond,
        speedRatio,
        strongestRatio,
        memoryRatio,
      ]),
      [
        ['small', 60, 0.6, 0.375, 0.8],
        ['small', 100, 1, 0.625, 1],
        ['small', 160, 1.6, 1, 2],
        ['small', 200, 2, 1.25, 0.5],
        ['base', 10, 1, 1, 1],
        ['base', 15, 1.5, 1.5, 1],
      ],
    );
  });

  test('at the end decade at its fastest stands against both peers, and without parameters, gradients and moments', () => {
    const measurement = (wordsPerSecond: number, peakRssMiB: number, stateMiB: number) => ({ wordsPerSecond, peakRssMiB, stateMiB });
    const rows = compare([
      { subject: 'lm-micro', contender: 'torch-f32', role: 'usual', measurements: [measurement(100, 300, 100)] },
      { subject: 'lm-micro', contender: 'torch-f32-2-processes', role: 'peer', measurements: [measurement(125, 600, 200)] },
      { subject: 'lm-micro', contender: 'decade-f32-1', role: 'decade', measurements: [measurement(120, 120, 100)] },
      { subject: 'lm-micro', contender: 'decade-f32-2', role: 'decade', measurements: [measurement(200, 150, 100)] },
    ]);
    const fastest = fastestOfDecade(rows);
    assert.deepEqual(
      fastest.map(({ contender, speedRatio, strongestRatio, strongest, memoryRatio, workMemoryRatio }) => ({
        ...{ contender, speedRatio, strongestRatio, strongest, memoryRatio, workMemoryRatio },
      })),
      [
        {
          ...{ contender: 'decade-f32-2', speedRatio: 2, strongestRatio: 1.6, strongest: 'torch-f32-2-processes' },
          ...{ memoryRatio: 0.5, workMemoryRatio: 0.25 },
        },
      ],
    );
    assert.match(
      ratioTable(fastest),
      /\| lm-micro \| decade-f32-2 \| +2\.00x \| +1\.60x \| torch-f32-2-processes \| +0\.50x \| +0\.25x \|$/,
    );
  });

  test('who has no result has no row, and without a peer there is no ratio', () => {
    const rows = compare([samples('peer', 'usual', [], 0), samples('decade', 'decade', [7, 5], 100)]);
    assert.equal(rows.length, 1);
    assert.deepEqual(rows[0]?.wordsPerSecondRange, [5, 7]);
    assert.equal(rows[0]?.speedRatio, undefined);
  });

  test('rounds in which others used the machine do not count where there are calm ones', () => {
    const measurement = (wordsPerSecond: number, disturbance: number) => ({ wordsPerSecond, disturbance, peakRssMiB: 100 });
    const of = (...measurements: Samples['measurements']) =>
      compare([{ subject: 'small', contender: 'decade', role: 'decade', measurements }]);
    const [mixed] = of(measurement(10, 0.5), measurement(100, 0.01), measurement(104, 0));
    assert.deepEqual([mixed?.wordsPerSecond, mixed?.rounds, mixed?.disturbance], [102, 2, 0.01]);
    const [never] = of(measurement(10, 0.5), measurement(20, 0.25));
    assert.deepEqual([never?.wordsPerSecond, never?.rounds, never?.disturbance], [15, 2, 0.5]);
  });

  test('the share of others is what neither waited nor was ours', () => {
    const stat = (user: number, idle: number, steal: number) => `cpu  ${user} 0 0 ${idle} 5 0 0 ${steal} 0 0\ncpu0 1 1 1 1`;
    const self = (own: number, children: number) => `42 (a (strange) name) S 1 1 1 0 -1 0 0 0 0 0 ${own} 0 ${children} 0 20 0 1`;
    const before = parseProcessorTime(stat(1_000, 1_000, 0), self(10, 100));
    const after = parseProcessorTime(stat(1_150, 1_040, 10), self(15, 195));
    // Of 200 ticks 160 were busy, 100 of them ours.
    assert.equal(usedByOthers(before, after), 0.3);
  });

  test('the table shows only columns that hold something', () => {
    const text = table(compare([samples('peer', 'usual', [1_000], 400), samples('decade', 'decade', [2_500], 300)]));
    const lines = text.split('\n');
    assert.equal(new Set(lines.map((line) => line.length)).size, 1, 'all lines are as long as each other');
    assert.match(text, /decade +\| +2,500 \|.* 2\.50x \| +300 \| +0\.75x/);
    assert.doesNotMatch(text, /sentences|bound/);
  });
});

describe('shapes for PyTorch', () => {
  test('are those of `decade bench`, each with its network, words of an update, and what every trainer holds', () => {
    const { options, words, stateMiB = 0, attends } = trainingJob('transformer-tiny', 1, 'f32');
    const sizes = { vocabulary: 10_000, width: 128, inner: 256, heads: 4, layers: 4, sentences: 292, length: 14 };
    assert.deepEqual(options, { network: 'transformer', ...sizes, precision: 'f32' });
    assert.deepEqual([words, attends], [8_176, true]);
    // 3.9 million parameters, of 16 bytes each with Adam.
    assert.ok(stateMiB > 55 && stateMiB < 65, `${stateMiB}`);
    const micro = trainingJob('lm-micro', 1, 'f32');
    assert.deepEqual([micro.options.network, micro.options.inner, micro.words], ['language-model', 512, 768]);
    assert.deepEqual([trainingJob('small', 1, 'f32').options.network, trainingJob('small', 1, 'f32').attends], ['lstm', false]);
  });

  test('are brief where a setting is chosen, with something for each process', () => {
    assert.deepEqual(trainingJob('lm-gpt2', 2, 'f32', true).options.sentences, 2);
    assert.deepEqual(trainingJob('small', 1, 'f32', true).options.length, 5);
  });

  test('are decoded where they have an encoder that attends', () => {
    assert.equal(decodingShapeJob('transformer-small', 1, 5)?.words, 128 * 25);
    assert.equal(decodingShapeJob('lm-micro', 1, 5), undefined);
    assert.equal(decodingShapeJob('small', 1, 5), undefined);
  });
});

describe('settings of PyTorch', () => {
  test('no setting uses more threads than it may', () => {
    assert.deepEqual(threadSettings(1), [{ torch: 1, openblas: 1 }]);
    for (const { torch, openblas } of threadSettings(2)) assert.ok(torch <= 2 && openblas <= 2);
  });

  test('a core type is named only to a processor that has its instructions', () => {
    assert.deepEqual(processorHints('fpu sse2'), [{}]);
    assert.deepEqual(processorHints('sse2 avx avx2 fma'), [{}, { coreType: 'Haswell' }]);
    assert.ok(processorHints('avx2 avx512f avx512bw').some(({ coreType }) => coreType === 'SkylakeX'));
  });

  test('what is described is what is set', () => {
    const setting = { torch: 1, openblas: 2, coreType: 'SkylakeX', allocator: '/usr/lib/libtcmalloc_minimal.so.4' };
    const environment = environmentOf(setting);
    assert.equal(environment.OPENBLAS_NUM_THREADS, '2');
    assert.equal(environment.OPENBLAS_CORETYPE, 'SkylakeX');
    assert.equal(environment.ATEN_CPU_CAPABILITY, undefined);
    assert.equal(environment.LD_PRELOAD, setting.allocator);
    assert.match(describeSetting(setting), /torch threads 1, OpenBLAS threads 2, OPENBLAS_CORETYPE=SkylakeX, tcmalloc$/);
    assert.match(describeSetting({ ...setting, attention: 'sdpa' }), /tcmalloc, scaled_dot_product_attention$/);
  });
});

describe('decoding', () => {
  test('translations that differ are counted, those that agree are compared by their log-probabilities', () => {
    const found = [
      { ids: [4, 5], logProbability: -1 },
      { ids: [6], logProbability: -2 },
      { ids: [7, 8, 9], logProbability: -3 },
    ];
    const others = [
      { ids: [4, 5], logProbability: -1.25 },
      { ids: [6, 6], logProbability: -9 },
      { ids: [7, 8, 9], logProbability: -3 },
    ];
    assert.equal(agreement(found, others), '2 of 3 translations as the first found them, log-probabilities within 2.5e-1');
  });

  test('lines are taken from all parts of a file, empty ones left out', () => {
    const text = `${Array.from({ length: 10 }, (_, line) => `${line}\n\n`).join('')}`;
    assert.deepEqual(spreadLines(text, 5), ['0', '2', '4', '6', '8']);
    assert.equal(spreadLines(text, 100).length, 10);
  });
});

test('parity is told by means of each epoch, and by a ratio of the last with its interval', () => {
  const lines = parityTable(
    [
      [20, 9.9],
      [22, 10.1],
    ],
    [
      [20, 10],
      [20, 10, 9],
    ],
  ).split('\n');
  assert.deepEqual(lines.slice(2, 4), ['| 1 | 21.00 | 20.00 | 5.0 % |', '| 2 | 10.00 | 10.00 | 0.0 % |']);
  assert.match(lines.at(-1) ?? '', /decade \/ PyTorch: 1\.000 \(95 %: 0\.8\d+ to 1\.1\d+\), 2 seeds each/);
});
