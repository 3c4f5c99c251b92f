import { Run } from '../../checkpoint/run.js';
import type { Files } from '../../core/files.js';
import { type Configuration, resolveRunConfiguration } from '../../training/configuration.js';
import { readTrainingRecord, type TrainingRecord } from './training-record.js';

/** A run beside others: how it was configured, and how its training went. */
export interface ComparedRun {
  readonly name: string;
  readonly configuration: Configuration;
  readonly record: TrainingRecord;
}

/** @throws DecadeError `input` for what is no run */
export async function readComparedRun(files: Files, path: string): Promise<ComparedRun> {
  const run = await Run.open(files, path);
  return {
    name: path,
    configuration: resolveRunConfiguration(await run.configuration(), run.fileAt('config.yaml')),
    record: await readTrainingRecord(files, run.fileAt('metrics.jsonl')),
  };
}
