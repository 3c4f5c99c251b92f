import { DecadeError } from '../core/errors.js';
import type { ExecutorSetup } from '../training/train.js';
import type { DataDevicesOptions } from './data/devices.js';
import { DataExecutor } from './data/executor.js';
import { startPipeline } from './pipeline/start.js';
import { RanksExecutor } from './ranks/executor.js';
import type { Runtime } from './runtime.js';
import type { ThreadedExecutor } from './threaded-executor.js';

export interface ThreadedOptions extends Omit<DataDevicesOptions, 'runtime' | 'ranks'> {
  readonly runtime: Runtime;
  /** Devices of each rank, where other processes lend theirs. */
  readonly ofRanks: readonly number[];
  readonly parallel: ExecutorSetup['parallel'];
  readonly batch: ExecutorSetup['batch'];
  /** Of the run that is resumed. */
  readonly saved?: ExecutorSetup['placement'];
}

/** What trains on threads, in the way that is asked for: of this process, or of all ranks. */
export async function startThreaded({ ofRanks, parallel, batch, saved, ...common }: ThreadedOptions): Promise<ThreadedExecutor> {
  const { ranks } = common.runtime;
  if (parallel.strategy === 'pipeline') {
    if (ranks !== undefined) throw pipelineOnRanks(ofRanks.length);
    return startPipeline({ ...common, options: parallel, batch, saved });
  }
  if (ranks !== undefined) {
    const { communication = 'f32' } = parallel;
    return RanksExecutor.startOnRanks({ ...common, lent: ranks, devices: ofRanks, communication });
  }
  return DataExecutor.start(common);
}

/** Devices of each rank: as many as are asked for, or as the resumed run had, or as each rank has by itself. */
export function devicesOfRanks({ ranks }: Runtime, asked: number | undefined, before?: readonly number[]): readonly number[] {
  const members = ranks?.members ?? [];
  if (asked === undefined && before?.length === members.length) return before;
  return members.map(({ devices }) => asked ?? devices);
}

function pipelineOnRanks(ranks: number): DecadeError {
  return new DecadeError('usage', {
    where: 'training.parallel.strategy',
    received: `pipeline on ${ranks} ranks`,
    allowed: 'data: the devices of a pipeline are in one process',
    next: 'use --set training.parallel.strategy=data, or one process',
  });
}
