import { type Command, Option } from 'commander';
import { counted } from '../core/counted.js';
import { DecadeError, nearestName } from '../core/errors.js';
import { utilities } from '../decoding/selection/minimum-bayes-risk.js';
import { type CriterionName, criterionNames, selectionOf, type SelectionTerm } from '../decoding/selection/options.js';
import type { LineSelection } from '../decoding/selection/selected-translations.js';
import { wholeNumber } from './arguments.js';
import { type CriteriaChoice, OutsideCriteria, outsideCriteria, withCriteriaOptions } from './criteria.js';
import { figure } from './progress.js';

/** How the best of several translations is chosen, as every command that does takes it. */
export interface SelectionChoice extends CriteriaChoice {
  select?: string;
  utility?: keyof typeof utilities;
  candidateWeights?: 'uniform' | 'probability';
  coarse?: number;
  coarseUtility?: keyof typeof utilities;
  coarseReferences?: number;
}

/** Options that only one criterion has. */
const optionsOf: Readonly<Partial<Record<CriterionName, readonly (keyof SelectionChoice)[]>>> = {
  mbr: ['utility', 'candidateWeights', 'coarse', 'coarseUtility', 'coarseReferences'],
  'self-consistency': ['candidateWeights'],
};

export function withSelectionOptions(command: Command): Command {
  const names = Object.keys(utilities);
  return withCriteriaOptions(command)
    .option(
      '--select <criterion,...>',
      `choose among all hypotheses of the beam, or all samples, by ${[...criterionNames, ...outsideCriteria].join(', ')}; several as a weighted sum: mbr=1,own=0.5`,
    )
    .addOption(new Option('--utility <name>', 'of minimum Bayes risk (mbr): how alike two texts are (default: chrf)').choices(names))
    .addOption(
      new Option(
        '--candidate-weights <kind>',
        'how much each candidate counts: uniform, or its probability (default: uniform for samples and for given lists, probability for a beam)',
      ).choices(['uniform', 'probability']),
    )
    .option('--coarse <texts>', 'of mbr: only so many texts are worth the utility, the best by a cheaper one', wholeNumber(1, 1_000_000))
    .addOption(new Option('--coarse-utility <name>', 'the cheaper utility (default: unigram)').choices(names))
    .option('--coarse-references <texts>', 'texts that it compares with, the first so many (default: all)', wholeNumber(1, 1_000_000));
}

/**
 * The selection that was asked for. Throws `usage` for what the library would refuse, before anything is read or computed.
 *
 * @param outside  what the criteria from outside are made of; of the default none is used
 */
export function selectionTerms(choice: SelectionChoice, outside = new OutsideCriteria(choice)): readonly SelectionTerm[] | undefined {
  const parts = choice.select?.split(',').map((part) => part.split('=').map((each) => each.trim()) as [string, ...string[]]) ?? [];
  const allowed = parts.flatMap(([name]) => optionsOf[name as CriterionName] ?? []);
  for (const option of optionsOf.mbr ?? []) {
    if (choice[option] === undefined || allowed.includes(option)) continue;
    const next = option === 'candidateWeights' ? 'use --select mbr or --select self-consistency as well' : 'use --select mbr as well';
    throw new DecadeError('usage', { where: flagOf(option), received: 'without a selection that has it', next });
  }
  const idle = (['channel', 'lm', 'scorer'] as const).find((name) => choice[name] !== undefined && parts.every(([by]) => by !== name));
  if (idle !== undefined) {
    throw new DecadeError('usage', { where: `--${idle}`, received: 'without a selection by it', next: `use --select own,${idle} as well` });
  }
  const orphan = (['scorerFormat', 'scorerTimeout'] as const).find((name) => choice[name] !== undefined && choice.scorer === undefined);
  if (orphan !== undefined) {
    throw new DecadeError('usage', { where: flagOf(orphan), received: 'without --scorer', next: 'use --scorer as well' });
  }
  if (choice.select === undefined) return undefined;
  const terms = parts.map(([by, ...weights]) => {
    const [weight = '1'] = weights;
    if (weights.length > 1 || weight === '' || !Number.isFinite(Number(weight))) {
      const received = [by, ...weights].join('=');
      throw new DecadeError('usage', { where: '--select', received, allowed: 'criteria with their weights: mbr=1,own=0.5' });
    }
    const fromOutside = outsideCriteria.find((name) => name === by);
    if (fromOutside !== undefined) return { by: outside.of(fromOutside), weight: Number(weight) };
    const named = criterionNames.find((name) => name === by);
    if (named === undefined) throw unknownCriterion(by);
    return { by: named, weight: Number(weight), ...ownOptions(named, choice) } as SelectionTerm;
  });
  selectionOf(terms);
  return terms;
}

/** `candidateWeights` → `--candidate-weights` */
function flagOf(option: keyof SelectionChoice): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function unknownCriterion(received: string): DecadeError {
  const names = [...criterionNames, ...outsideCriteria];
  const nearest = nearestName(received, names);
  return new DecadeError('usage', {
    where: '--select',
    received: `'${received}'`,
    allowed: names.join(', '),
    ...(nearest !== undefined && { next: `did you mean ${nearest}?` }),
  });
}

function ownOptions(by: CriterionName, { utility, candidateWeights, coarse, coarseUtility, coarseReferences }: SelectionChoice): object {
  if (by === 'self-consistency') return { candidateWeights };
  if (by !== 'mbr') return {};
  if (coarse === undefined && (coarseUtility !== undefined || coarseReferences !== undefined)) {
    throw new DecadeError('usage', {
      where: '--coarse-utility, --coarse-references',
      received: 'without --coarse',
      next: 'use --coarse 32 as well',
    });
  }
  return {
    utility,
    candidateWeights,
    ...(coarse !== undefined && { coarse: { keep: coarse, utility: coarseUtility, references: coarseReferences } }),
  };
}

/** Adds up what selections took. */
export class SelectionAccount {
  readonly #perToken: { readonly source: number; readonly target: number };
  #lines = 0;
  readonly #sum = { candidates: 0, distinctTexts: 0, evaluations: 0, operations: 0, seconds: 0 };

  /** Operations that a token takes in the model that made the candidates; left out for lists that are given. */
  constructor(perToken: { readonly source: number; readonly target: number } = { source: 0, target: 0 }) {
    this.#perToken = perToken;
  }

  add(selection: LineSelection | undefined): void {
    if (selection === undefined) return;
    this.#lines++;
    const { source, target } = this.#perToken;
    this.#sum.candidates += selection.candidates;
    this.#sum.distinctTexts += selection.distinctTexts;
    this.#sum.evaluations += selection.evaluations;
    this.#sum.operations += selection.operations + source * selection.sourceTokens + target * selection.targetTokens;
    this.#sum.seconds += selection.seconds;
  }

  /** `operations` are floating-point operations of all models, `seconds` those of the selection alone. */
  get total() {
    return { lines: this.#lines, ...this.#sum };
  }

  /** For people; undefined when nothing was selected. */
  get line(): string | undefined {
    if (this.#lines === 0) return undefined;
    const { candidates, distinctTexts, evaluations, operations, seconds } = this.#sum;
    const choice = candidates === this.#lines ? '; one candidate per line leaves no choice: ask for more samples, or a wider beam' : '';
    return `selected from ${counted(candidates, 'candidate')} of ${counted(this.#lines, 'line')} (${counted(distinctTexts, 'different text')}): ${operations === 0 ? '' : `about ${operations.toExponential(1)} operations of the models, `}${figure(evaluations)} comparisons or other evaluations in ${seconds.toFixed(1)} s${choice}`;
  }
}
