import { svgFile } from '../analysis/page/drawing.js';
import { html } from '../analysis/page/html.js';
import { figures, page, table } from '../analysis/page/page.js';
import { duration } from '../core/duration.js';
import type { Finding, FindingTable, Source } from './experiment.js';
import { perplexityWritten } from './learning.js';
import type { TrainedRun } from './steps.js';

/** Predicted and actual time of this call, in seconds. */
export interface TimeTaken {
  readonly training: { readonly predicted: number; readonly taken: number };
  /** Translations, n-best lists, scores and statistics. */
  readonly using: { readonly predicted: number; readonly taken: number };
}

/** A training, and the name of the one that it began with. */
export interface AccountRun extends Omit<TrainedRun, 'configuration' | 'init'> {
  readonly init?: string | undefined;
}

/** The full record of an experiment: question, trainings and findings. */
export interface Account extends Finding, Source {
  readonly experiment: string;
  readonly title: string;
  readonly data: string;
  readonly testSentences: number;
  readonly options: object;
  readonly command: string | undefined;
  readonly runs: readonly AccountRun[];
  readonly trainingSeconds: number;
  /** Of a unigram model of the target, on the dev corpus; undefined when trainings are only timed. */
  readonly unigramPerplexity: number | undefined;
  readonly time: TimeTaken;
}

/** A plot of an account in its own file. */
export interface AccountPlot {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** The plots as files, `NAME-1.svg` and so on, for documents. */
export function accountPlots({ experiment, plots, widePlots = [] }: Account): AccountPlot[] {
  return [...plots, ...widePlots].map(({ drawing }, index) => ({
    file: `${experiment}-${index + 1}.svg`,
    title: drawing.title,
    svg: svgFile(drawing),
  }));
}

/** The table of an experiment with its context, as Markdown for a document. */
export function accountMarkdown(account: Account, plots: readonly AccountPlot[] = []): string {
  const { title, paper, where, claim, head, rows, conclusions, command, tables = [] } = account;
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const written = (head: readonly string[], rows: FindingTable['rows']) => [
    row(head),
    `|${head.map(() => '---|').join('')}`,
    ...rows.map(row),
    '',
  ];
  return [
    `## ${title}`,
    '',
    `The paper (${paper}, ${where}): ${claim}.`,
    '',
    `${setup(account)}`,
    '',
    ...(command === undefined ? [] : [`    ${command}`, '']),
    ...written(head, rows),
    ...conclusions.map((conclusion) => `- ${conclusion}`),
    '',
    ...tables.flatMap(({ title, head, rows, note }) => [
      `### ${title}`,
      '',
      ...(note === undefined ? [] : [note, '']),
      ...written(head, rows),
    ]),
    ...plots.flatMap(({ file, title }) => [`![${title}](${file})`, '']),
  ].join('\n');
}

/** The same as an HTML page with plots. */
export function accountPage(account: Account): Promise<string> {
  const { title, paper, where, claim, head, rows, conclusions, plots, widePlots, tables = [], command, runs, time } = account;
  const haveBeginnings = runs.some(({ init }) => init !== undefined);
  return page({
    title: `${title}: ${paper}, ${where}`,
    lead: html`The paper: ${claim}. ${setup(account)}`,
    sections: [
      {
        id: 'result',
        title: 'Result',
        body: html`${table(head, rows)}<ul>${conclusions.map((conclusion) => html`<li>${conclusion}</li>`)}</ul>${figures(plots)}${widePlots}`,
      },
      ...tables.map(({ title, head, rows, note }, place) => ({ id: `table-${place + 1}`, title, lead: note, body: table(head, rows) })),
      {
        id: 'trainings',
        title: 'Trainings',
        body: html`${command === undefined ? undefined : html`<pre>${command}</pre>`}${table(
          ['run', ...(haveBeginnings ? ['begins with'] : []), 'parameters', 'updates', 'dev perplexity', 'words/s', 'minutes'],
          runs.map(({ name, init = '', parameters, steps, perplexity, diverged, wordsPerSecond, seconds }) => [
            name,
            ...(haveBeginnings ? [init] : []),
            parameters.toLocaleString('en-US'),
            steps.toLocaleString('en-US'),
            perplexityWritten({ perplexity, diverged }),
            Math.round(wordsPerSecond).toLocaleString('en-US'),
            (seconds / 60).toFixed(1),
          ]),
        )}<p class="note">${timeTaken(time)}</p>`,
      },
    ],
  });
}

/** Actual and predicted time, as a sentence. */
export function timeTaken({ training, using }: TimeTaken): string {
  const told = ({ taken, predicted }: TimeTaken['training']) => `${duration(taken)} (predicted: ${duration(predicted)})`;
  return `Time of this call: training ${told(training)}; translating, scoring and statistics ${told(using)}.`;
}

function setup({ data, testSentences, runs, trainingSeconds, unigramPerplexity }: Account): string {
  const [first] = runs;
  const sizes = [...new Set(runs.map(({ parameters }) => parameters))].sort((a, b) => a - b);
  const parameters = sizes.length > 1 ? `${count(sizes[0])} to ${count(sizes.at(-1))}` : count(first?.parameters);
  return `Here: ${data}; ${runs.length} ${runs.length === 1 ? 'training' : 'trainings'} of ${parameters} parameters, ${(trainingSeconds / 60).toFixed(1)} minutes of updates${testSentences === 0 ? '' : `; ${count(testSentences)} test sentences`}.${
    unigramPerplexity === undefined ? '' : ` A unigram model of the target has a dev perplexity of ${unigramPerplexity.toFixed(1)}.`
  }`;
}

function count(value = 0): string {
  return value.toLocaleString('en-US');
}
