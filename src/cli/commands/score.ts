import { Command } from 'commander';
import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { brokenPlaces } from '../../data/broken-lines.js';
import type { Passage } from '../../data/passage.js';
import { requireLogProbability } from '../../decoding/score.js';
import { requireTokens, type TextScore } from '../../decoding/text-score.js';
import { whyIncomparable } from '../../decoding/unknown-share.js';
import { nodeRuntime } from '../../node/runtime.js';
import { type CodeLength, codeLengthOf, totalBytes } from '../../packed/code-length.js';
import { mountRuns } from '../../packed/mounted-runs.js';
import type { Runtime } from '../../parallel/runtime.js';
import { describeRun, documentsOfRun } from '../../training/run-description.js';
import { type DeviceChoice, gathered, withDevicesOption, withGemmOption, wholeNumber } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { openModel, runsNamed } from '../model.js';
import { openOutput } from '../output.js';
import { figure, ProgressBar } from '../progress.js';
import { amongRanks } from '../ranks.js';
import { allLines, describeInputs, documentsOf, requireNoneBroken, requireSameCount } from '../text-input.js';
import { warn } from '../warning.js';

interface ScoreArguments extends DeviceChoice {
  model: string[];
  source?: string;
  target?: string;
  text?: string[];
  lines?: boolean;
  context?: number;
  json?: boolean;
  output?: string;
  maxLength?: number;
}

export function scoreCommand(): Command {
  const command = new Command('score')
    .description(
      'Print the log-probability (natural logarithm) of given translations, one per line, or what a text costs a language model.',
    )
    .requiredOption(
      '-m, --model <RUN,...>',
      'run directory, packed model or its URL; several (separated by commas, or repeat -m) form an ensemble',
      gathered,
    )
    .option('--source <FILE>', 'source sentences, one per line')
    .option('--target <FILE>', 'their translations')
    .option(
      '--text <FILE...>',
      'text for a language model, cut into documents as in its training: log-probability, perplexity, bits per byte',
      gathered,
    )
    .option('--lines', 'score each line of the text by itself, and print its log-probability')
    .option('--context <tokens>', 'how far the model may look back (default: as in training)', wholeNumber(2, 1_000_000))
    .option('--json', 'print one JSON object about the text')
    .option('--max-length <tokens>', 'truncate longer lines, with a warning (default: 1000)', wholeNumber(1, 100_000))
    .option('-o, --output <FILE>', 'where to write (default: standard output)');
  return withGemmOption(withDevicesOption(command))
    .addHelpText(
      'after',
      `
Examples:
  $ decade score -m runs/quickstart --source test.en --target test.fr > test.scores
  $ decade score -m runs/a,runs/b --source test.en --target test.fr
  $ decade score -m runs/shakespeare --text act-4.txt act-5.txt
  $ mpirun -n 4 decade score -m runs/quickstart --source test.en --target test.fr`,
    )
    .action((options: ScoreArguments) =>
      amongRanks({ work: (runtime) => interruptible('stopping', (signal) => run(runtime, options, signal)) }),
    );
}

function run(runtime: Runtime, options: ScoreArguments, signal: AbortSignal): Promise<void> {
  const { source, target, text, lines, context, json, maxLength } = options;
  if (text !== undefined && source === undefined && target === undefined && maxLength === undefined && !(lines && json)) {
    return scoreText(runtime, { ...options, text }, signal);
  }
  const ofText = lines || json || context !== undefined;
  if (text === undefined && source !== undefined && target !== undefined && !ofText) {
    return scorePairs(runtime, { ...options, source, target }, signal);
  }
  const given = (['source', 'target', 'text', 'lines', 'json', 'context', 'maxLength'] as const).filter(
    (name) => options[name] !== undefined,
  );
  throw new DecadeError('usage', {
    where: 'score',
    received: given.map((name) => `--${name === 'maxLength' ? 'max-length' : name}`).join(' and ') || 'nothing to score',
    allowed: '--source FILE with --target FILE for a translator, or --text FILE (with --lines or --json) for a language model',
  });
}

async function scoreText(runtime: Runtime, options: ScoreArguments & { text: readonly string[] }, signal: AbortSignal): Promise<void> {
  const { text, lines = false, context, json } = options;
  const output = await openOutput(options.output);
  const runs = (await Promise.all(options.model.map(runsNamed))).flat();
  const model = await openModel(options.model, options, signal, runtime);
  const progress = new ProgressBar();
  try {
    const cut = lines ? 'every line' : await withFirst(runs, documentsOfRun);
    const broken = new BrokenLines();
    const { documents, total, brokenLines } = await model.scoreText(broken.seenIn(documentsOf(text, cut)), {
      context,
      signal,
      onProgress: ({ bytes }) => progress.update({ label: 'scoring', figures: [`${figure(bytes)} bytes`] }),
    });
    progress.end();
    requireLogProbability(total.logProbability, describeInputs(text));
    // Where tokens are bytes, none is left out.
    const leftOut = brokenLines.length === 0 ? new BrokenLines() : broken;
    if (lines) {
      for (const [index, { logProbability }] of documents.entries()) {
        await output.write(`${leftOut.documents.has(index) ? 'nan' : logProbability.toFixed(6)}\n`);
      }
    } else {
      requireTokens(total, describeInputs(text));
      const reason = whyIncomparable(total);
      if (reason !== undefined) warn(new Error(`${describeInputs(text)}: ${reason}`), progress);
      const code = await codeLengthOf(nodeRuntime.files, runs, total, describeRun);
      const inJson = { ...total, ...code, totalBytes: totalBytes(code), brokenLines: leftOut.places.size };
      await output.write(json ? `${JSON.stringify(inJson)}\n` : describe(total, code));
    }
    await output.close();
    const became = lines ? 'nan was written in its place' : 'left out of the figures';
    requireNoneBroken([...leftOut.places], became);
  } finally {
    progress.end();
    await output.abandon();
    await model.dispose();
  }
}

/** Where lines of a text that passes by are not valid UTF-8. */
class BrokenLines {
  readonly places = new Set<string>();
  /** Numbers, from 0, of documents with such lines. */
  readonly documents = new Set<number>();

  async *seenIn(passages: AsyncIterable<Passage>): AsyncGenerator<Passage> {
    let document = 0;
    for await (const passage of passages) {
      for (const place of brokenPlaces(passage)) {
        this.places.add(place);
        this.documents.add(document);
      }
      if (passage.ends) document++;
      yield passage;
    }
  }
}

/** What `use` makes of the first run, which may be packed. */
async function withFirst<Result>(runs: readonly string[], use: (files: Files, run: string) => Promise<Result>): Promise<Result> {
  const mounted = await mountRuns(nodeRuntime.files, runs.slice(0, 1));
  try {
    return await use(mounted.files, mounted.runs[0] as string);
  } finally {
    await mounted.close();
  }
}

function describe({ logProbability, tokens, words, bytes, perplexity, wordPerplexity, bitsPerByte }: TextScore, code: CodeLength): string {
  return [
    `Log-probability  ${logProbability.toFixed(3)}`,
    `Perplexity       ${perplexity.toFixed(4)} per token (${figure(tokens)} with </s>), ${wordPerplexity.toFixed(2)} per word (${figure(words)})`,
    `Bits per byte    ${bitsPerByte.toFixed(4)} (${figure(bytes)} bytes)`,
    `Code length      ${figure(totalBytes(code))} bytes: ${figure(Math.ceil(code.textBytes))} for the text and ${figure(code.modelBytes)} for the packed model`,
    '',
  ].join('\n');
}

async function scorePairs(
  runtime: Runtime,
  options: ScoreArguments & { source: string; target: string },
  signal: AbortSignal,
): Promise<void> {
  const sources = await allLines(options.source);
  const targets = await allLines(options.target);
  requireSameCount({ name: options.source, lines: sources }, { name: options.target, lines: targets });
  const output = await openOutput(options.output);
  const model = await openModel(options.model, options, signal, runtime);
  const progress = new ProgressBar();
  try {
    const scores = await model.score(
      sources.map((source, line) => ({ source, target: targets[line] ?? '' })),
      {
        maximumLength: options.maxLength,
        signal,
        onProgress: ({ done, total }) =>
          progress.update({ label: 'scoring', fraction: done / total, figures: [`${figure(done)} of ${figure(total)} lines`] }),
      },
    );
    for (const { line, logProbability, warning } of scores) {
      if (warning !== undefined) warn(warning, progress);
      await output.write(`${requireLogProbability(logProbability, `${options.source}: line ${line}`).toFixed(6)}\n`);
    }
    await output.close();
  } finally {
    progress.end();
    await output.abandon();
    await model.dispose();
  }
}
