import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decade as inOneProcess } from './decade.js';
import { type Launcher, Ranks, without } from './mpi.js';
import { trainedInMemory } from './trained-in-memory.js';

/** Real processes under the launchers of both libraries. What they compute is compared with what this process does. */
const folder = mkdtempSync(join(tmpdir(), 'decade-mpi-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const onLinux = process.platform !== 'linux' && 'Linux only';
const computing = ['--devices', '1', '--gemm', 'webassembly'];

writeFileSync(
  at('tiny.yaml'),
  `version: 1
data: { train: { generator: 'digits:copy', pairs: 60 } }
tokenizer: { kind: bytes }
model: { kind: lstm, hidden: 16, layers: 1, embedding: 8 }
training:
  batch: { sentences: 16 }
  stop: { steps: 100 }
  report: { every: { steps: 1 } }
  checkpoint: { every: { steps: 10 }, keep: 2 }
  optimizer: { kind: adam }
`,
);
const train = (out: string, ...options: string[]) => ['train', at('tiny.yaml'), '--out', at(out), ...computing, ...options];
const stepsOf = (out: string) =>
  readdirSync(join(at(out), 'checkpoints'))
    .map((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? 0))
    .sort((a, b) => a - b);
const lastStep = (out: string) => (existsSync(join(at(out), 'checkpoints')) ? (stepsOf(out).at(-1) ?? 0) : 0);
/** The learnt values of a file, without its description. */
function valuesOf(...path: string[]): Float32Array {
  const bytes = readFileSync(join(folder, ...path));
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + 8 + Number(bytes.readBigUInt64LE(0)), bytes.byteOffset + bytes.length));
}
/** Resolves when a process has ended; whoever is to take note of it may not have. */
async function gone(process: number): Promise<void> {
  const isThere = () => existsSync(`/proc/${process}/stat`) && !/\) Z/.test(readFileSync(`/proc/${process}/stat`, 'utf8'));
  for (let waited = 0; isThere(); waited += 20) {
    assert.ok(waited < 5_000, 'the launcher does not end it');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
function assertNear(found: Float32Array, expected: Float32Array, tolerance: number): void {
  assert.equal(found.length, expected.length);
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  // By stretches, so that a large table which hardly changes hides nothing.
  for (let start = 0; start < expected.length; start += 4_096) {
    const stretch = expected.subarray(start, start + 4_096);
    const difference = norm(stretch.map((value, index) => value - (found[start + index] as number)));
    assert.ok(difference <= tolerance * norm(stretch), `${difference} of ${norm(stretch)}, from ${start}`);
  }
}

describe('a training on two ranks', { skip: without('Open MPI', 'MPICH') || onLinux }, () => {
  before(() => trainedInMemory(at('tiny.yaml'), at('whole'), 2));

  test('survives a rank that is killed, and SIGTERM, with the bits of one that was not stopped, whichever library carries it', async () => {
    const killed = new Ranks('Open MPI', 2, train('run'));
    await killed.until(() => lastStep('run') >= 10);
    process.kill(killed.processOf(1), 'SIGKILL');
    assert.notEqual((await killed.outcome).code, 0);

    // The launcher passes the signal on to all.
    const told = new Ranks('MPICH', 2, train('run', '--resume'));
    await told.says(/Up\. \d/);
    const { SigCgt = '0' } = /SigCgt:\s*(?<SigCgt>\w+)/.exec(readFileSync(`/proc/${told.processOf(1)}/status`, 'utf8'))?.groups ?? {};
    const [illegal, bus, floatingPoint] = [4, 7, 8];
    for (const signal of [illegal, bus, floatingPoint]) assert.equal((BigInt(`0x${SigCgt}`) >> BigInt(signal - 1)) & 1n, 0n, 'UCX');
    told.launcher.kill('SIGTERM');
    const { output } = await told.outcome;
    const [, saved] = /stopped and saved at update (\d+); continue with --resume/.exec(output) ?? assert.fail(output);
    assert.equal(lastStep('run'), Number(saved));

    const alone = new Ranks('Open MPI', 2, train('run', '--resume'));
    await alone.says(/Up\. \d/);
    process.kill(alone.processOf(0), 'SIGTERM');
    const stopped = await alone.outcome;
    assert.match(stopped.output, /stopped and saved at update/);
    assert.ok(lastStep('run') > Number(saved) && lastStep('run') < 100);

    const ended = await new Ranks('MPICH', 2, train('run', '--resume')).outcome;
    assert.equal(ended.code, 0, ended.output);
    assert.equal(ended.output.match(/2 devices of 2 ranks/g)?.length, 1, 'only rank 0 speaks');
    assert.deepEqual(valuesOf('run', 'model.safetensors'), valuesOf('whole', 'model.safetensors'));
  });

  for (const [command, launcher] of [
    ['translate', 'MPICH'],
    ['score', 'Open MPI'],
  ] as const satisfies [string, Launcher][]) {
    test(`gives a model with which two ranks ${command} as one process does`, async () => {
      const lines = Array.from({ length: 40 }, (_, line) => `${line * 7} ${line * line}`);
      writeFileSync(at('lines'), `${lines.join('\n')}\n`);
      const ofCommand = command === 'score' ? ['--source', at('lines'), '--target', at('lines')] : ['-i', at('lines'), '--nbest', '2'];
      const words = [command, '-m', at('whole'), ...ofCommand, ...computing];
      const { code, stdout, output } = await new Ranks(launcher, 2, words).outcome;
      assert.equal(code, 0, output);
      assert.equal(stdout, (await inOneProcess(words)).stdout);
      assert.equal(stdout.trimEnd().split('\n').length, command === 'score' ? 40 : 80);
    });
  }
});

test('four ranks train a Transformer as one process does; one that stops ends all within the limit; three go on', {
  skip: without('Open MPI', 'MPICH') || onLinux,
}, async () => {
  const transformer = [
    // Positions of so many values are exchanged where they are.
    'model={ kind: transformer, encoderLayers: 1, decoderLayers: 1, width: 16, heads: 2, dropout: 0, positions: learned, maximumLength: 32768 }',
    'training.checkpoint.every.steps=20',
    // Adam would make steps of the rounding errors in gradients that are 0, such as those of the keys' biases.
    'training.optimizer={ kind: sgd, learningRate: 0.1 }',
  ];
  const changes = transformer.flatMap((change) => ['--set', change]);
  const limit = 3;
  const four = new Ranks('Open MPI', 4, train('four', ...changes), { DECADE_MPI_SILENCE: String(limit) });
  await four.until(() => lastStep('four') >= 20);
  const stopped = four.processOf(3);
  process.kill(stopped, 'SIGSTOP');
  const since = Date.now();
  const { code, output } = await four.outcome;
  assert.notEqual(code, 0);
  assert.match(output, /rank 3 has not been heard of for 3 s.*start all ranks again with --resume/s);
  assert.ok(Date.now() - since < 1_000 * (2 * limit + 4), `${Date.now() - since} ms`);
  await gone(stopped);

  const last = lastStep('four');
  const longer = `training.stop.steps=${last + 10}`;
  const three = await new Ranks('MPICH', 3, train('four', ...changes, '--set', longer, '--resume', '--allow-different-placement')).outcome;
  assert.equal(three.code, 0, three.output);
  await trainedInMemory(at('tiny.yaml'), at('one'), 1, [...transformer, 'training.checkpoint.keep=9', longer]);
  assertNear(
    valuesOf('four', 'checkpoints', 'step-20', 'model.safetensors'),
    valuesOf('one', 'checkpoints', 'step-20', 'model.safetensors'),
    1e-5,
  );
  assertNear(valuesOf('four', 'model.safetensors'), valuesOf('one', 'model.safetensors'), 1e-4);
});

test('a rank that never joins ends all within the limit, and those that have come say so', {
  skip: without('Open MPI') || onLinux,
}, async () => {
  const words = [...train('never'), ':', '-n', '1', 'sleep', '60'];
  const { code, output } = await new Ranks('Open MPI', 1, words, { DECADE_MPI_START: '1' }).outcome;
  assert.notEqual(code, 0);
  assert.match(output, /MPI on .*: not all 2 ranks have come within 1 s.*DECADE_MPI_START/s);
});

test('the library of another launcher is told apart by name', { skip: without('MPICH') }, async () => {
  const { code, output } = await new Ranks('MPICH', 2, train('wrong'), { DECADE_MPI: 'libmpi.so.40' }).outcome;
  assert.notEqual(code, 0);
  assert.match(output, /libmpi\.so\.40.*(this process alone where MPICH started 2|cannot open|not installed)/s);
});
