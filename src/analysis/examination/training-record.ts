import * as z from 'zod';
import type { Files } from '../../core/files.js';
import { readLines } from '../../data/lines.js';

const figure = z.number().nullish();

/** A report of some updates; see `Report` in training/events.ts. What older runs lack is left out. */
const reportLine = z.looseObject({
  kind: z.literal('report'),
  steps: z.number(),
  epochs: figure,
  loss: figure,
  perplexity: figure,
  gradientNorm: figure,
  learningRate: figure,
  wordsPerSecond: figure,
  seconds: figure,
});
const validationLine = z.looseObject({
  kind: z.literal('validation'),
  steps: z.number(),
  epochs: figure,
  perplexity: figure,
  stalled: figure,
});
const recordLine = z.discriminatedUnion('kind', [reportLine, validationLine]);

export type RecordedReport = z.output<typeof reportLine>;
export type RecordedValidation = z.output<typeof validationLine>;

/** What a run wrote about its training. */
export interface TrainingRecord {
  readonly reports: readonly RecordedReport[];
  readonly validations: readonly RecordedValidation[];
}

/** Reads `metrics.jsonl`. Lines that are no record, such as the last of a run that is being written, are passed over. */
export async function readTrainingRecord(files: Files, path: string): Promise<TrainingRecord> {
  const reports: RecordedReport[] = [];
  const validations: RecordedValidation[] = [];
  if ((await files.kind(path)) !== 'file') return { reports, validations };
  for await (const block of readLines(files, path)) {
    for (const line of block) {
      const record = recordLine.safeParse(parsed(line));
      if (!record.success) continue;
      if (record.data.kind === 'report') reports.push(record.data);
      else validations.push(record.data);
    }
  }
  return { reports, validations };
}

function parsed(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '');
  } catch {
    return undefined;
  }
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

/** More points than a plot can show. */
const mostPoints = 300;

/** A curve with at most 300 points, each the mean of its neighbours. */
export function thinned(points: readonly { readonly x: number; readonly value: number }[]): { x: number; value: number }[] {
  const stride = Math.max(1, Math.ceil(points.length / mostPoints));
  return Array.from({ length: Math.ceil(points.length / stride) }, (_, index) => {
    const group = points.slice(index * stride, (index + 1) * stride);
    const last = group.at(-1);
    return { x: last?.x ?? 0, value: group.reduce((sum, { value }) => sum + value, 0) / group.length };
  });
}
