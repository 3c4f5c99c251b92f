import { Run } from '../checkpoint/run.js';
import type { Files } from '../core/files.js';
import { type Configuration, resolveConfiguration } from '../training/configuration.js';
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
    configuration: resolveConfiguration(await run.configuration(), run.fileAt('config.yaml')),
    record: await readTrainingRecord(files, run.fileAt('metrics.jsonl')),
  };
}

/**
 * Seconds that updates took up to a step, from the reports of their time; validation and checkpoints are not counted. Between
 * reports updates are taken to be equally long. Undefined after the last report, and where a report has no time.
 */
export function trainingTime({ reports }: TrainingRecord): (step: number) => number | undefined {
  const known = [{ steps: 0, seconds: 0 }];
  for (const { steps, seconds } of reports) {
    // A resumed run does again what came after its checkpoint.
    while (known.length > 1 && (known.at(-1)?.steps ?? 0) >= steps) known.pop();
    if (typeof seconds !== 'number') return () => undefined;
    known.push({ steps, seconds: (known.at(-1)?.seconds ?? 0) + seconds });
  }
  return (step) => {
    const after = known.findIndex(({ steps }) => steps >= step);
    const [from, to] = [known[after - 1], known[after]];
    if (to === undefined) return undefined;
    if (from === undefined || to.steps === step) return to.seconds;
    return from.seconds + ((to.seconds - from.seconds) * (step - from.steps)) / (to.steps - from.steps);
  };
}
