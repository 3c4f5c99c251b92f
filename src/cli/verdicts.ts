import { counted } from '../core/counted.js';
import { DecadeError } from '../core/errors.js';
import type { CorpusFiles } from '../data/curation/corpus-line.js';
import { type Verdict, VerdictReport } from '../data/curation/verdict.js';
import { requireDistinct } from '../node/files/output-file.js';
import { CorpusOutput, droppedRow, type VerdictChoice } from './corpus-files.js';
import { print, printJson } from './output.js';
import { figure, StagedProgress } from './progress.js';
import { say } from './terminal.js';

const linesPerUpdate = 1_000;

/** Progress by lines: how many, and how many a second. A figure in words takes longer than most lines. */
export class LineProgress {
  readonly #progress = new StagedProgress();
  readonly #started = performance.now();

  update(label: string, lines: number): void {
    if (lines % linesPerUpdate !== 0) return;
    const speed = (1_000 * lines) / (performance.now() - this.#started);
    this.#progress.update({ label, figures: [counted(lines, 'line'), `${figure(speed)} lines/s`] });
  }

  end(): void {
    this.#progress.end();
  }
}

/**
 * Writes what is kept and what is dropped, as verdicts come, and then reports. Files appear when all is done; of a command that fails or is
 * stopped none does.
 *
 * @param outputs  where kept lines go
 */
export async function writeVerdicts<Given extends Verdict>(
  verdicts: AsyncIterable<Given>,
  outputFor: (verdict: Given) => Promise<CorpusOutput> | CorpusOutput,
  dropped: CorpusOutput | undefined,
): Promise<VerdictReport> {
  const report = new VerdictReport();
  const progress = new LineProgress();
  try {
    for await (const verdict of verdicts) {
      report.add(verdict);
      if (verdict.dropped === undefined) await (await outputFor(verdict)).write(verdict.line);
      else await dropped?.write(droppedRow(verdict));
      progress.update('writing', report.read);
    }
    return report;
  } finally {
    progress.end();
  }
}

/** What a command reports besides its verdicts: fields of an object, and lines for people. */
export interface Findings {
  readonly fields: object;
  readonly lines: readonly string[];
}

/**
 * What `dedup` and `filter` do with their verdicts: one output, and a report on standard output, or standard error where lines go there.
 *
 * @param findings  asked when all verdicts have come
 */
export async function carryOutVerdicts(
  corpus: CorpusFiles,
  verdicts: AsyncIterable<Verdict>,
  options: VerdictChoice,
  findings: () => Findings = () => ({ fields: {}, lines: [] }),
): Promise<void> {
  const { output, dropped, json } = options;
  const isStandardOutput = output === undefined || output.includes('-');
  if (json && isStandardOutput) {
    throw new DecadeError('usage', {
      where: '--json',
      received: 'no --output',
      allowed: 'with --output FILE: standard output has the lines',
    });
  }
  await requireDistinct([...(isStandardOutput ? [] : output), ...(dropped === undefined ? [] : [dropped])]);
  const kept = await CorpusOutput.open(corpus, output);
  const left = dropped === undefined ? undefined : await openDropped(dropped);
  try {
    const report = await writeVerdicts(verdicts, () => kept, left);
    await kept.close();
    await left?.close();
    const { fields, lines } = findings();
    const described = () => [describeReport(report), ...lines].join('\n');
    if (json) await printJson({ ...report.toJSON(), ...fields });
    else if (isStandardOutput) say(described());
    else await print(described());
  } finally {
    await kept.abandon();
    await left?.abandon();
  }
}

/** Throws `usage` for `-`, too: standard output has the lines that are kept, or the report. */
export async function openDropped(path: string): Promise<CorpusOutput> {
  if (path === '-') {
    throw new DecadeError('usage', { where: '--dropped', received: '-', allowed: 'the name of a file', next: 'name one, or /dev/stderr' });
  }
  return CorpusOutput.open({ text: '' }, [path]);
}

/** A report for people: counts by reason, and a sample of each. */
export function describeReport({ read, kept, dropped }: VerdictReport): string {
  const reasons = Object.entries(dropped);
  const width = Math.max(0, ...reasons.map(([reason]) => reason.length));
  const lines = reasons.flatMap(([reason, { count, firstLine, sample }]) => [
    `  ${reason.padEnd(width)}  ${counted(count, 'line')} (${((100 * count) / read).toFixed(1)} %), the first is line ${figure(firstLine)}`,
    ...sample.map(({ line, sides, detail }) => {
      const found = detail === undefined ? '' : ` (${detail})`;
      const text = sides.map((side) => (side.length > shownCharacters ? `${side.slice(0, shownCharacters)}…` : side)).join(' | ');
      return `    line ${figure(line)}${found}${text === '' ? '' : `: ${text}`}`;
    }),
  ]);
  return [`kept ${figure(kept)} of ${counted(read, 'line')}${reasons.length > 0 ? ', dropped:' : ''}`, ...lines].join('\n');
}

const shownCharacters = 60;
