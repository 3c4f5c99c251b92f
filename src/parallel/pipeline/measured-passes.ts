import type { IdPair } from '../../data/batch.js';
import { createModel, type ModelOptions } from '../../models/create.js';
import type { VocabularySizes } from '../../models/model.js';
import type { Device } from '../../tensor/device.js';
import { specialTokens } from '../../text/tokenizer.js';
import { Replica } from '../../training/replica.js';
import { dataParallel } from '../schedule/data-parallel.js';
import type { Network } from '../schedule/network.js';
import { evenBatch, type Task } from '../schedule/schedule.js';
import { Surface } from '../simulation/surface.js';

/** A model of which whole passes are measured, with sentences of one length. */
export interface MeasuredModel {
  readonly model: ModelOptions;
  readonly vocabularies: VocabularySizes;
  /** 0 without a source. */
  readonly sourceTokens: number;
  /** `</s>` counted. */
  readonly targetTokens: number;
}

const millisecondsOfRuns = 50;

/**
 * Seconds of the tasks of a model, from its whole forward and backward passes by the number of sentences: a task takes a part of them as
 * large as its part of the operations. Dropout is in them.
 */
export function measurePasses(
  device: Device,
  { network, sentences, whole }: { readonly network: Network; readonly sentences: number; readonly whole: MeasuredModel },
  isEnough: () => boolean,
): (task: Task) => number {
  const { sourceTokens, targetTokens } = whole;
  const model = createModel(whole.model, whole.vocabularies);
  model.parameters.allocate(device.memory);
  model.parameters.initialise(1);
  const { optimizer } = network;
  const replica = new Replica(device, model, {
    optimizer,
    clip: { kind: 'none' },
    normalise: 'tokens',
    labelSmoothing: 0,
    consistency: 0,
    seed: 1,
  });
  const counts = fourfold(sentences);
  try {
    const measured = counts.map((count) => {
      const pairs = pairsOf(count, whole);
      const forward = seconds(() => replica.evaluate(pairs), isEnough);
      const both = seconds(() => replica.accumulate(pairs, { update: 1, gradientScale: 1e-3 }), isEnough);
      replica.finish();
      // Twice as many operations take no less time, whatever disturbed the measurement.
      return { forward, backward: Math.max(forward, both - forward) };
    });
    const of = (pass: 'forward' | 'backward') =>
      new Surface(
        counts,
        [1],
        measured.map((each) => [each[pass]]),
      );
    const passes = { forward: of('forward'), backward: of('backward') };
    const operations = operationsOfSentence(network, sourceTokens, targetTokens);
    return ({ work, operations: ofTask }) => {
      if (!('stage' in work)) return 0;
      const { stage, rows } = work;
      const isJoined = network.sight?.readsOn === true && stage.part === 'decoder';
      const tokens = stage.part === 'encoder' ? sourceTokens : isJoined ? sourceTokens + targetTokens : targetTokens;
      const count = rows / Math.max(1, tokens);
      const pass = work.kind === 'forward' ? 'forward' : 'backward';
      return (ofTask / (count * operations[pass])) * passes[pass].at(count, 1);
    };
  } finally {
    replica.dispose();
    model.parameters.dispose();
  }
}

/** 1, 4, 16, ... and the limit itself. */
function fourfold(limit: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < limit; count *= 4) counts.push(count);
  return [...counts, limit];
}

function operationsOfSentence(network: Network, source: number, target: number): { readonly forward: number; readonly backward: number } {
  const { tasks } = dataParallel(network, [evenBatch(1, source, target)], { memories: 'shared' });
  const of = (kind: Task['work']['kind']) => tasks.reduce((sum, { work, operations }) => sum + (work.kind === kind ? operations : 0), 0);
  return { forward: of('forward'), backward: of('backward') };
}

/** Sentences of different tokens. */
function pairsOf(count: number, { vocabularies, sourceTokens, targetTokens }: MeasuredModel): IdPair[] {
  const ids = (key: number, length: number, vocabulary: number) => {
    const words = Math.max(1, vocabulary - specialTokens.length);
    return Int32Array.from({ length }, (_, position) =>
      Math.min(vocabulary - 1, specialTokens.length + ((7_919 * (key + 31 * position)) % words)),
    );
  };
  const { source, target } = vocabularies;
  return Array.from({ length: count }, (_, key) => ({
    key,
    source: source === undefined ? [] : ids(key, Math.max(1, sourceTokens), source),
    target: ids(key + count, Math.max(0, targetTokens - 1), target),
  }));
}

/** The mean of several runs; the first does not count. */
function seconds(work: () => unknown, isEnough: () => boolean): number {
  const runs: number[] = [];
  const end = performance.now() + millisecondsOfRuns;
  for (let round = 0; round < 2 || performance.now() < end; round++) {
    if (isEnough()) return 0;
    const start = performance.now();
    work();
    if (round > 0) runs.push(performance.now() - start);
  }
  return runs.reduce((sum, run) => sum + run, 0) / runs.length / 1000;
}
