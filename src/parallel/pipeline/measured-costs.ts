import type { Device } from '../../tensor/device.js';
import { type Network, sizesOf, type NetworkStage } from '../schedule/network.js';
import type { StageWork, Task, ValuesWork } from '../schedule/schedule.js';
import type { Costs } from '../simulation/simulate.js';
import { type MeasuredModel, measurePasses } from './measured-passes.js';
import { type LayerShape, type StageSeconds, StageMeasurements } from './stage-measurements.js';

/**
 * Seconds between the end of a task and the beginning of one that waited for it on another thread of a shared memory.
 * Measured on 2 cores of an AMD Zen 4 (medians of 1,900): 6.6 microseconds when the thread sleeps in `Atomics.wait`, as one
 * that waits for a layer mostly does; 0.25 when it spins.
 */
const wakeSeconds = 6.6e-6;

/** What is measured. */
export interface MeasuredWork {
  readonly network: Network;
  /** The most that are at one step. */
  readonly sentences: number;
  /** The model itself, where its layers cannot be measured one by one. */
  readonly whole?: MeasuredModel | undefined;
}

/**
 * Costs of a network's tasks on this machine, from short passes of the very stages that a pipeline's devices run, at the
 * network's sizes: a few seconds for a large network. What else the machine does meanwhile is part of them; see
 * `measureMachine`.
 *
 * @param isEnough  ends the measurement early, with costs that are worth nothing
 */
export function measureCosts(device: Device, work: MeasuredWork, isEnough: () => boolean = () => false): Costs {
  const { network, sentences } = work;
  const measure = new StageMeasurements(device, network, isEnough);
  try {
    const values = measure.values();
    // What is handed over stays where it is; reading it is part of the reader's measured time.
    const handOver = { latency: wakeSeconds, bytesPerSecond: Number.POSITIVE_INFINITY, blocking: false };
    const common = { ...measure.preparation(sentences), conversion: values.conversion, handOver };
    const secondsOfValues = ({ kind, values: count }: ValuesWork) => (kind === 'gather' ? 0 : count * values[kind]);
    if (work.whole !== undefined) {
      const passes = measurePasses(device, { network, sentences, whole: work.whole }, isEnough);
      return { ...common, seconds: (task) => ('values' in task.work ? secondsOfValues(task.work) : passes(task)) };
    }
    const layers = layersOf(network, (layer) => measure.layer(layer, sentences));
    const attention = network.attention === 'none' ? undefined : measure.attention(network.attention, sentences);
    const output = measure.output();
    return {
      ...common,
      seconds: ({ work }: Task) => {
        if ('values' in work) return secondsOfValues(work);
        switch (work.kind) {
          case 'combine':
            return 0;
          default: {
            const { stage, steps, rows } = work;
            if (stage.part === 'output') return passSeconds(output, work, stage.vocabulary.to - stage.vocabulary.from, rows);
            if (stage.part === 'attention') return attention === undefined ? 0 : passSeconds(attention, work, stage.sourceSteps, rows);
            const count = steps.to - steps.from;
            const { directions, seconds } = layers(stage);
            return directions * passSeconds(seconds, work, count, rows / count);
          }
        }
      },
    };
  } finally {
    measure.dispose();
  }
}

type LayerOfStack = Extract<NetworkStage, { layer: number }>;

/** Measures each kind of layer that a network has, once. A layer that reads both ways is two of half its size. */
function layersOf(network: Network, measure: (layer: LayerShape) => StageSeconds) {
  const directionsOf = ({ part, layer }: LayerOfStack) => (network.bidirectional && part === 'encoder' && layer === 0 ? 2 : 1);
  const shapeOf = (stage: LayerOfStack): LayerShape => {
    return { isLowest: stage.layer === 0, inputs: sizesOf(network, stage).inputs, hidden: network.hidden / directionsOf(stage) };
  };
  const measured = new Map<string, StageSeconds>();
  for (const part of ['encoder', 'decoder'] as const) {
    for (let layer = 0; layer < Math.min(2, network[part].length); layer++) {
      const shape = shapeOf({ part, layer });
      const name = JSON.stringify(shape);
      if (!measured.has(name)) measured.set(name, measure(shape));
    }
  }
  return (stage: LayerOfStack) => {
    return { directions: directionsOf(stage), seconds: measured.get(JSON.stringify(shapeOf(stage))) as StageSeconds };
  };
}

function passSeconds(stage: StageSeconds, work: StageWork, x: number, y: number): number {
  const { kind, withWeights, isFirst } = work;
  const packing = isFirst && kind !== 'weights' ? stage.packing[kind](x) : 0;
  const weights = kind === 'backward' && withWeights ? stage.weights.at(x, y) : 0;
  return packing + stage[kind].at(x, y) + weights;
}
