import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { requireList } from '../../core/lists.js';
import { isText } from '../../data/sources.js';
import type { PositionScore, TextScore } from '../../decoding/text-score.js';
import { whyIncomparable } from '../../decoding/unknown-share.js';
import { type CodeLength, codeLengthOf } from '../../packed/code-length.js';
import { describeRun } from '../../training/run-description.js';
import type { WorkControl } from '../work.js';
import { requireSystems } from './compare.js';
import { type ComparedRun, readComparedRun } from './compared-runs.js';
import { textToExamine } from './examine.js';
import { bitsPerByteIntervals, type ExaminedLanguageModel, leftOutOf, type ReadText, scoreRead } from './examined-text.js';
import type { PairedInterval } from './scored-sentences.js';
import type { CostedLine } from './text-costs.js';

/** The validation at which a language model was best; figures that a run did not write down are undefined. */
export interface ComparedText extends ComparedRun {
  readonly best:
    | {
        readonly steps: number;
        readonly perplexity: number | undefined;
        readonly wordPerplexity: number | undefined;
        readonly bitsPerByte: number | undefined;
      }
    | undefined;
}

export interface TextComparisonRequest extends WorkControl {
  /** Files of the text that all of them score. Default: the dev text of the first run. */
  readonly text?: readonly string[] | undefined;
}

/** What a language model makes of the text that all of them score. */
export interface ScoredSystem {
  readonly name: string;
  readonly total: TextScore;
  readonly byPosition: readonly PositionScore[];
  readonly lines: readonly CostedLine[];
  /** Places of lines that are left out of all figures because they are not valid UTF-8. */
  readonly broken: readonly string[];
  readonly code: CodeLength;
  /**
   * With its difference from that of the first, unless the two leave out different text as `<unk>`; undefined where the models do not
   * see the same lines.
   */
  readonly bitsPerByte: PairedInterval | undefined;
}

export interface TextComparison {
  readonly runs: readonly ComparedText[];
  /** Undefined where there is no text, or not all models could be opened; `missing` says why. */
  readonly scored: (Pick<ReadText, 'name' | 'isPart'> & { readonly systems: readonly ScoredSystem[] }) | undefined;
  /** Sentences for people: what is not here, and how to get it. */
  readonly missing: readonly string[];
}

/**
 * Language models beside each other: what their validations found, and what they make of one text.
 *
 * @param withModel  opens the model of a run, hands it over and closes it
 * @throws DecadeError `usage` for fewer than two runs, or one that is no language model; `input` for what is no run
 */
export async function compareTexts(
  files: Files,
  names: readonly string[],
  { text, ...control }: TextComparisonRequest,
  withModel: <Result>(run: string, use: (model: ExaminedLanguageModel) => Promise<Result>) => Promise<Result>,
): Promise<TextComparison> {
  requireList('runs', names);
  requireSystems(names.map((name) => ({ name })));
  const runs: ComparedText[] = [];
  for (const name of names) {
    const run = await readComparedRun(files, name);
    if (!isText(run.configuration.data.train)) {
      throw new DecadeError('usage', {
        where: name,
        received: 'a translator among language models',
        allowed: 'runs of one kind',
        next: 'compare it with translators, on a test set',
      });
    }
    runs.push({ ...run, best: bestOf(run) });
  }
  try {
    const [first] = runs as [ComparedText];
    const read = await textToExamine(files, first.configuration, text);
    const systems: Omit<ScoredSystem, 'bitsPerByte'>[] = [];
    for (const name of names) {
      const { total, byPosition, lines, broken } = await withModel(name, (model) => scoreRead(model, read, control));
      const code = await codeLengthOf(files, [name], total, describeRun);
      systems.push({ name, total, byPosition, lines, broken, code });
    }
    const leftOut = leftOutOf(systems);
    const { compared, reasons } = await withIntervals(systems, control);
    return { runs, scored: { name: read.name, isPart: read.isPart, systems: compared }, missing: [...leftOut, ...reasons] };
  } catch (error) {
    if (text !== undefined || !(error instanceof DecadeError) || error.kind !== 'input') throw error;
    return { runs, scored: undefined, missing: [`No scores of one text: ${error.message}`] };
  }
}

type SystemWithout = Omit<ScoredSystem, 'bitsPerByte'>;

/** With intervals and differences where there can be any; where not, sentences for people say why. */
async function withIntervals(
  systems: readonly SystemWithout[],
  control: WorkControl,
): Promise<{ readonly compared: ScoredSystem[]; readonly reasons: string[] }> {
  const [first] = systems as readonly [SystemWithout];
  const alike = systems.filter((system) => seeSameLines(first, system));
  const intervals = await bitsPerByteIntervals(
    alike.map(({ lines }) => lines),
    first.total.bytes,
    control,
  );
  const reasons: string[] = [];
  const compared = systems.map((system): ScoredSystem => {
    const interval = intervals[alike.indexOf(system)];
    if (interval === undefined) {
      reasons.push(`No interval of ${system.name}: it does not see the same lines as ${first.name}.`);
    } else if (!countSameText(first, system)) {
      reasons.push(`No difference of ${system.name} from ${first.name}: they leave out different text as <unk>.`);
      return { ...system, bitsPerByte: { ...interval, difference: undefined } };
    }
    return { ...system, bitsPerByte: interval };
  });
  return { compared, reasons };
}

/** Tokenizers that leave out lines which are not valid UTF-8, or lack the end of a line, see fewer. */
function seeSameLines(first: SystemWithout, { lines, broken }: SystemWithout): boolean {
  return lines.length === first.lines.length && broken.length === first.broken.length;
}

/** Whether bits per byte count the same text: nearly all of it, or without the same of it, as with one vocabulary. */
function countSameText(first: SystemWithout, system: SystemWithout): boolean {
  return (
    [first, system].every(({ total }) => whyIncomparable(total) === undefined) ||
    first.lines.every(({ text }, line) => text === system.lines[line]?.text)
  );
}

function bestOf({ record }: ComparedRun): ComparedText['best'] {
  const figure = (value: unknown) => (typeof value === 'number' ? value : undefined);
  const validations = record.validations.map(({ steps, perplexity, wordPerplexity, bitsPerByte }) => ({
    steps,
    perplexity: figure(perplexity),
    wordPerplexity: figure(wordPerplexity),
    bitsPerByte: figure(bitsPerByte),
  }));
  const [first, ...others] = validations;
  if (first === undefined) return undefined;
  return others.reduce((best, each) => ((each.perplexity ?? Infinity) < (best.perplexity ?? Infinity) ? each : best), first);
}
