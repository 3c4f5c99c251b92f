import assert from 'node:assert/strict';
import { test } from 'node:test';
import { train } from '../../../src/parallel/train.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import type { DeviceThread } from '../../../src/parallel/runtime.js';
import type { ConfigurationInput } from '../../../src/training/configuration.js';
import type { TrainingEvent } from '../../../src/training/events.js';
import { digitFiles } from '../../training/tiny-run.js';
import { keptThreads } from '../kept-threads.js';

const files = digitFiles();
const pipeline: NonNullable<ConfigurationInput['training']>['parallel'] & { strategy: 'pipeline' } = {
  strategy: 'pipeline',
  stretch: 2,
  placement: { layers: [0, 1], vocabulary: [0, 0, 1] },
};

function configurationOf(steps: number, parallel: NonNullable<ConfigurationInput['training']>['parallel'] = pipeline): ConfigurationInput {
  return {
    version: 1,
    data: { train: { tsv: 'data/train.tsv' }, dev: { tsv: 'data/dev.tsv' } },
    tokenizer: { kind: 'word', split: 'spaces' },
    model: { kind: 'lstm', layers: 2, hidden: 8, dropout: 0.1 },
    training: {
      optimizer: { kind: 'adam', learningRate: 0.01 },
      batch: { sentences: 16 },
      stop: { steps },
      validate: { every: { steps: 3 }, metrics: ['perplexity', 'bleu'] },
      checkpoint: { every: { steps: 3 } },
      parallel,
    },
  };
}

/** Trains, in memory; `at` is called after an update. */
async function run(out: string, configuration: ConfigurationInput, options: object = {}, at: (steps: number) => void = () => undefined) {
  // What was a stage of a pipeline can be nothing else.
  const runtime = configuration.training?.parallel?.strategy === 'pipeline' ? keptThreads : nodeRuntime;
  const events: TrainingEvent[] = [];
  const onEvent = (event: TrainingEvent) => {
    events.push(event);
    if (event.kind === 'update') at(event.steps);
  };
  const summary = await train({ ...runtime, files }, configuration, { out, devices: 3, gemm: 'webassembly', onEvent, ...options });
  return { summary, events };
}

const checkpoint = (out: string, step: number) =>
  Promise.all(['model', 'optimizer'].map((name) => files.readBytes(`${out}/checkpoints/step-${step}/${name}.safetensors`)));

test('a pipelined run says what lies where, validates, and resumes with the same bits', async () => {
  const { summary, events } = await run('whole', configurationOf(6));
  assert.equal(summary.steps, 6);
  const lines = events.flatMap((event) => (event.kind === 'log' ? [event.line] : []));
  for (const line of [
    /^pipeline: whole batches, 2 steps at a time$/,
    /^device 1: layer 2 \(\d+ %/,
    /^device 2: vocabulary 0 to 13 \(\d+ %/,
  ]) {
    assert.ok(
      lines.some((other) => line.test(other)),
      `${line} in\n${lines.join('\n')}`,
    );
  }
  const validation = events.find((event) => event.kind === 'validation');
  assert.ok(validation !== undefined && (validation.figures.perplexity ?? 0) > 1 && validation.figures.bleu !== undefined);
  const controller = new AbortController();
  const first = await run('parts', configurationOf(6), { signal: controller.signal }, (steps) => {
    if (steps === 4) controller.abort();
  });
  assert.equal(first.summary.steps, 4);
  await run('parts', configurationOf(6), { resume: true });
  assert.deepEqual(await checkpoint('parts', 6), await checkpoint('whole', 6));
});

test('a run resumes on another strategy when it is told to, and only then', async () => {
  await run('moved', configurationOf(3));
  const data = configurationOf(6, { strategy: 'data' });
  await assert.rejects(
    run('moved', data, { resume: true }),
    /strategy data where the run began with pipeline.*[Uu]se --set training\.parallel\.strategy=pipeline --gemm webassembly --devices 3, or/s,
  );
  const other = configurationOf(6, { ...pipeline, placement: { layers: [1, 0], vocabulary: [0, 0, 1] } });
  await assert.rejects(
    run('moved', other, { resume: true }),
    /another placement.*[Uu]se --set 'training\.parallel=\{ strategy: pipeline, order: diagonal \}' --gemm/s,
  );
  // What the advice sets is taken as it stands, without the plan.
  const advised = { resume: true, set: ['training.parallel={ strategy: pipeline, order: diagonal }'] };
  assert.equal((await run('moved', configurationOf(4, other.training?.parallel), advised)).summary.steps, 4);
  const { summary } = await run('moved', data, { resume: true, allowDifferentPlacement: true });
  assert.equal(summary.steps, 6);
});

test('a run that was given more devices than help has its plan again, whether it is asked for as many or for none', async () => {
  const chosen = (steps: number) => configurationOf(steps, { strategy: 'pipeline' });
  const { events } = await run('chosen', chosen(2), { devices: 4 });
  const begun = events.find((event) => event.kind === 'model');
  assert.ok(begun !== undefined && begun.placement.devices < 4, 'tasks of 16 sentences and 8 cells are not worth four devices');
  for (const [devices, steps] of [
    [4, 3],
    [undefined, 4],
  ] as const) {
    const { summary, events } = await run('chosen', chosen(steps), { devices, resume: true });
    assert.equal(summary.steps, steps);
    const resumed = events.find((event) => event.kind === 'model');
    assert.deepEqual(resumed?.placement.pipeline, begun.placement.pipeline);
  }
});

test('when a device dies, training ends with a clear error, and the last checkpoint goes on', async () => {
  const threads: DeviceThread[] = [];
  const failures: ((reason: string) => void)[] = [];
  const startThread = (): DeviceThread => {
    const thread = nodeRuntime.startThread();
    threads.push(thread);
    return {
      ...thread,
      listen: (handlers) => {
        failures.push(handlers.failure);
        thread.listen(handlers);
      },
    };
  };
  const dying = train({ ...nodeRuntime, files, startThread }, configurationOf(9), {
    out: 'dying',
    devices: 3,
    gemm: 'webassembly',
    onEvent(event) {
      if (event.kind !== 'update' || event.steps !== 5) return;
      void threads[2]?.terminate().then(() => failures[2]?.('its thread ended unexpectedly'));
    },
  });
  await assert.rejects(dying, /device 2: its thread ended unexpectedly.*--resume/);
  const { summary } = await run('dying', configurationOf(6), { resume: true });
  assert.equal(summary.steps, 6);
  assert.deepEqual(await checkpoint('dying', 6), await checkpoint('whole', 6));
});
