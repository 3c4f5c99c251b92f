import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Simulator } from '../../../src/analysis/cost/simulation.js';
import { createModel, modelOptions } from '../../../src/models/create.js';
import { dataParallel } from '../../../src/parallel/schedule/data-parallel.js';
import { networkOf } from '../../../src/parallel/schedule/network.js';
import { evenBatch, type Task } from '../../../src/parallel/schedule/schedule.js';
import { optimizerOptions } from '../../../src/training/optimizer-options.js';

const transformer = { kind: 'transformer', width: 16, heads: 2, encoderLayers: 2, decoderLayers: 3, sourceEnd: false };
const networks = {
  'an encoder-decoder': { model: transformer, source: 30 },
  'grouped heads and another form': { model: { ...transformer, preset: 'llama', encoderLayers: 1, keyValueHeads: 1 }, source: 30 },
  'one network that reads both': { model: { ...transformer, encoderLayers: 0 }, source: 30 },
  'a language model': { model: transformer, source: undefined },
  'an LSTM language model': { model: { kind: 'lstm', layers: 2, hidden: 16 }, source: undefined },
} as const;

function created({ model, source }: (typeof networks)[keyof typeof networks]) {
  const made = createModel(modelOptions.parse(model), { source, target: 40 });
  return { made, network: networkOf(made, optimizerOptions.parse({ kind: 'adam' })), length: source === undefined ? 0 : 7 };
}

/** Every operation takes the same time, whatever is handed over. */
const costs = {
  seconds: ({ operations }: Task) => operations * 1e-9,
  handOver: { latency: 0, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false },
};

describe('schedules of networks that see whole sentences, and of language models', () => {
  for (const [name, given] of Object.entries(networks)) {
    const { made, network, length } = created(given);

    test(`have the operations that an estimate counts: ${name}`, () => {
      const { tasks } = dataParallel(network, [evenBatch(3, length, 5)], { memories: 'shared' });
      const { source, target } = made.parameters.costs;
      const attention = made.summary.attentionCost?.(length, 5) ?? 0;
      const estimated = 3 * 6 * (length * source + 5 * target + attention);
      // One network makes no logits of the source; an estimate, which counts by tokens, does not either.
      const scheduled = tasks.reduce((sum, { operations }) => sum + operations, 0);
      assert.ok(Math.abs(scheduled / estimated - 1) < 1e-9, `${scheduled} ${estimated}`);
    });

    test(`on several devices do the same work, each layer where it is placed: ${name}`, () => {
      const workload = { network, batch: evenBatch(8, length, 5), costs: () => costs, memories: 'shared' } as const;
      const simulator = new Simulator(workload);
      const one = simulator.on('data', 1);
      const operations = (tasks: readonly Task[]) => tasks.reduce((sum, task) => sum + task.operations, 0);
      for (const strategy of ['gpipe', '1f1b', 'data'] as const) {
        const { schedule, placement, result } = simulator.on(strategy, 2);
        assert.ok(Math.abs(operations(schedule.tasks) / operations(one.schedule.tasks) - 1) < 1e-9, strategy);
        assert.ok(result.speedup > 1 && result.speedup <= 2 + 1e-9, `${strategy}: ${result.speedup}`);
        for (const { work, device } of schedule.tasks) {
          if (placement === undefined || !('stage' in work) || !('layer' in work.stage)) continue;
          const before = work.stage.part === 'decoder' && network.sight !== undefined ? network.encoder.length : 0;
          assert.equal(device, placement.layers[before + work.stage.layer], `${strategy}: ${JSON.stringify(work.stage)}`);
        }
      }
    });
  }

  test('every layer of a decoder waits for the whole encoder, whose gradient waits for every one of them', () => {
    const { network } = created(networks['an encoder-decoder']);
    const { tasks } = dataParallel(network, [evenBatch(3, 7, 5)], { memories: 'shared' });
    const find = (kind: Task['work']['kind'], part: string, layer: number) =>
      tasks.find(
        ({ work }) =>
          work.kind === kind && 'stage' in work && work.stage.part === part && 'layer' in work.stage && work.stage.layer === layer,
      );
    const needs = (task: Task | undefined, on: Task | undefined) => task?.needs.some((need) => need.task === on?.id);
    for (const layer of [0, 1, 2]) {
      assert.ok(needs(find('forward', 'decoder', layer), find('forward', 'encoder', 1)));
      assert.ok(needs(find('backward', 'encoder', 1), find('backward', 'decoder', layer)));
    }
  });
});
