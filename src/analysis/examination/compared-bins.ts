import { sumStatistics } from '../../metrics/evaluate.js';
import type { Metric } from '../../metrics/metric.js';
import { type Bin, fewestForInterval } from './bins.js';
import { binsByLength } from './by-length.js';
import { binsByRarity, FrequencyRanks } from './by-rarity.js';
import type { ComparedSystem } from './compare.js';
import { wordFrequencies } from './corpus-facts.js';
import { type PairedInterval, pairedIntervals, scoreSentences, type TestSet } from './scored-sentences.js';
import type { WorkControl } from '../work.js';

/** Part of a test set, scored for every system as if it were one of its own. */
export interface ComparedBin {
  readonly least: number;
  readonly greatest: number;
  readonly sentences: number;
  readonly scores: readonly number[];
  /** With differences from the first system; undefined for fewer than 20 sentences. */
  readonly intervals: readonly PairedInterval[] | undefined;
}

export interface ComparedBins {
  readonly label: string;
  readonly metric: string;
  readonly byLength: readonly ComparedBin[];
  readonly byRarity: readonly ComparedBin[];
  /** Whose words the ranks are of. */
  readonly ranksOf: 'training corpus' | 'test set';
}

/**
 * Scores systems on short and on long sentences, on those of frequent and of rare words.
 *
 * @param frequencies  of the words of the training corpus, if it could be read
 */
export async function compareBins(
  metric: Metric,
  { sources, references }: TestSet,
  systems: readonly ComparedSystem[],
  frequencies: ReadonlyMap<string, number> | undefined,
  control: WorkControl = {},
): Promise<ComparedBins> {
  const statistics: (readonly Float64Array[])[] = [];
  for (const { hypotheses } of systems) statistics.push((await scoreSentences(metric, hypotheses, references, control)).statistics);
  const scored = async (bins: readonly Bin[]): Promise<ComparedBin[]> => {
    const compared: ComparedBin[] = [];
    for (const { least, greatest, sentences } of bins) {
      const own = statistics.map((of) => sentences.map((sentence) => of[sentence] as Float64Array));
      const intervals = sentences.length < fewestForInterval ? undefined : await pairedIntervals(metric, own, control);
      const scores = own.map((of) => metric.score(sumStatistics(of)).score);
      compared.push({ least, greatest, sentences: sentences.length, scores, intervals });
    }
    return compared;
  };
  const ranks = new FrequencyRanks(frequencies ?? wordFrequencies(sources));
  return {
    label: metric.label,
    metric: metric.name,
    byLength: await scored(binsByLength(sources)),
    byRarity: await scored(binsByRarity(sources, ranks)),
    ranksOf: frequencies === undefined ? 'test set' : 'training corpus',
  };
}
