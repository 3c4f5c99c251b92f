import { Run } from '../../checkpoint/run.js';
import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { requireList } from '../../core/lists.js';
import { type DecodingOptionsInput, describeDecoding, resolveDecodingOptions } from '../../decoding/options.js';
import { bleu } from '../../metrics/bleu.js';
import { resolveScoring, type ScoringOptions, scoringMetrics } from '../../metrics/scoring-options.js';
import { type Configuration, resolveRunConfiguration } from '../../training/configuration.js';
import type { WorkControl } from '../work.js';
import { type ComparedSystem, type Comparison, compareSystems, requireSystems } from './compare.js';
import { type ComparedBins, compareBins } from './compared-bins.js';
import { corpusFacts } from './corpus-facts.js';
import { devSet } from './examine.js';
import type { TestSet } from './scored-sentences.js';
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

export interface ComparisonRequest extends WorkControl, ScoringOptions {
  /** Default: the dev corpus of the first run. */
  readonly testSet?: TestSet | undefined;
  /** Translations of the test set that somebody else made. */
  readonly hypotheses?: readonly ComparedSystem[] | undefined;
  /** How runs search for translations. */
  readonly decoding?: DecodingOptionsInput | undefined;
}

/** How systems differ, and what is known of those that are runs. */
export interface RunComparison {
  readonly comparison: Comparison;
  readonly bins: ComparedBins;
  readonly runs: readonly ComparedRun[];
  /** How the runs found their translations: `beam 5`. */
  readonly search: string;
}

/**
 * Compares runs, and other systems, on a test set.
 *
 * @param translate  what a run makes of lines
 * @throws DecadeError `usage` for fewer than two systems or no test set, `input` for what is no run
 */
export async function compareRuns(
  files: Files,
  names: readonly string[],
  { testSet, hypotheses = [], decoding, signal, onProgress, ...scoring }: ComparisonRequest,
  translate: (run: string, lines: readonly string[]) => Promise<readonly { readonly text: string }[]>,
): Promise<RunComparison> {
  requireList('runs', names);
  requireSystems([...names.map((name) => ({ name })), ...hypotheses]);
  scoringMetrics(scoring);
  const search = describeDecoding(resolveDecodingOptions(decoding));
  const control = { signal, onProgress };
  const runs: ComparedRun[] = [];
  for (const name of names) runs.push(await readComparedRun(files, name));
  const sentences = testSet ?? (await devSetOf(files, runs[0]));
  const translated: ComparedSystem[] = [];
  for (const name of names) {
    const translations = await translate(name, sentences.sources);
    translated.push({ name, hypotheses: translations.map(({ text }) => text) });
  }
  const comparison = await compareSystems(sentences, [...translated, ...hypotheses], scoring, control);
  const frequencies = runs[0] && (await frequenciesOf(files, runs[0], control));
  const { metrics: _, ...reading } = resolveScoring(scoring);
  return { comparison, bins: await compareBins(bleu(reading), sentences, comparison.systems, frequencies, control), runs, search };
}

/** Of the words of a run's training corpus; undefined if it is no longer there. */
async function frequenciesOf(
  files: Files,
  { configuration }: ComparedRun,
  control: WorkControl,
): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    return (await corpusFacts(files, configuration.data.train, control)).frequencies;
  } catch (error) {
    if (error instanceof DecadeError && error.kind === 'input') return undefined;
    throw error;
  }
}

async function devSetOf(files: Files, run: ComparedRun | undefined): Promise<TestSet> {
  if (run === undefined) {
    throw new DecadeError('usage', {
      where: 'compare',
      received: 'neither a run nor a test set',
      allowed: '--references with --hypotheses',
    });
  }
  return devSet(files, run.configuration);
}
