import type { OptimizerOptions } from '../../training/optimizer-options.js';
import type { HandOver } from '../schedule/discrete-events.js';
import type { Task, Work } from '../schedule/schedule.js';
import type { Costs } from './simulate.js';

/** What a device is known to do, where it cannot be measured. */
export interface DeviceFigures {
  /** Of its matrix products, at their full speed. */
  readonly secondsPerOperation: number;
  /** Of what only reads and writes values: sums of gradients, the optimizer. */
  readonly memoryBytesPerSecond: number;
  /** How much faster, an operation, the large products of the softmax are than those of the layers. Default: 1. */
  readonly softmaxSpeed?: number;
  /** Rows at which a product reaches half of its speed (Hockney and Jesshope 1981: n-half). Default: 0, all are equally fast. */
  readonly halfSpeedRows?: number;
  readonly handOver: HandOver;
}

/** What an update reads and writes of a parameter: itself, its gradient, and of Adam two averages. */
const accesses = { sgd: 3, adam: 7 } as const;

/** Costs from a device's figures alone: products by their operations, the rest by the bytes that it reads and writes. */
export function costsOfFigures(
  { secondsPerOperation, memoryBytesPerSecond, softmaxSpeed = 1, halfSpeedRows = 0, handOver }: DeviceFigures,
  optimizer: OptimizerOptions['kind'],
): Costs {
  const slowdown = (rows: number) => (rows + halfSpeedRows) / rows;
  const stageSeconds = (operations: number, { stage, steps, rows, kind }: Extract<Work, { stage: unknown }>): number => {
    if (stage.part === 'output') return (operations / softmaxSpeed) * slowdown(rows) * secondsPerOperation;
    // Attention, and layers that see whole sentences, have all rows at once.
    if (stage.part === 'attention' || stage.sees !== undefined) return operations * slowdown(rows) * secondsPerOperation;
    // Half of a layer's operations wait for the step before; the gradient of weights is one product over all rows.
    const recurrent = kind === 'weights' ? 0 : 0.5;
    return operations * secondsPerOperation * (recurrent * slowdown(rows / (steps.to - steps.from)) + (1 - recurrent) * slowdown(rows));
  };
  return {
    handOver,
    // Four bytes of one and two of the other.
    conversion: 6 / memoryBytesPerSecond,
    seconds({ work, operations }: Task): number {
      switch (work.kind) {
        case 'norm':
          return (4 * work.values) / memoryBytesPerSecond;
        case 'update':
          return (accesses[optimizer] * 4 * work.values) / memoryBytesPerSecond;
        case 'reduce':
          return (3 * 4 * work.values) / memoryBytesPerSecond;
        case 'combine':
        case 'gather':
          return 0;
        default:
          return stageSeconds(operations, work);
      }
    },
  };
}
