/**
 * decade: sequence-to-sequence learning for TypeScript.
 *
 *     import { train, load, evaluate } from 'decade';
 */
import './core/globals.js';
import * as api from './api.js';
import type { Comparison } from './analysis/examination/compare.js';
import type { Examination } from './analysis/examination/examine.js';
import type { RescoreOptions, Rescoring } from './analysis/rescoring/rescore.js';
import type { NbestList } from './analysis/rescoring/rescoring.js';
import type { LineScore, ScoreOptions } from './decoding/score.js';
import type { SourceLine, TranslateOptions, TranslationResult } from './decoding/translator.js';
import type { ExperimentName } from './experiments/catalogue/index.js';
import type { Cost } from './experiments/cost.js';
import type { ReproduceOptions, Reproduction } from './experiments/reproduce.js';
import { type LoadedModel, type LoadOptions, load as loadModel } from './loaded-model.js';
import { nodeRuntime } from './node/runtime.js';
import type { Evaluation } from './metrics/evaluate.js';
import type { ConfigurationInput } from './training/configuration.js';
import type { TrainingSummary } from './training/events.js';

export type { CompareOptions, ComputeOptions, EvaluateOptions, ReportOptions, TrainOptions } from './api.js';
export type { LoadedModel, LoadOptions } from './loaded-model.js';
export type { Comparison } from './analysis/examination/compare.js';
export type { Examination } from './analysis/examination/examine.js';
export type { RescoringScores } from './analysis/rescoring/judgement.js';
export type { RankedSentence, RescoreOptions, Rescoring } from './analysis/rescoring/rescore.js';
export type { ListedHypothesis, NbestList, RankedHypothesis } from './analysis/rescoring/rescoring.js';
export type { TunedWeight } from './analysis/rescoring/weight-search.js';
export type { PairedInterval, ScoreDifference, ScoreInterval, TestSet } from './analysis/examination/scored-sentences.js';
export { DecadeError, type ErrorKind, type ErrorParts } from './core/errors.js';
export type { DecodingOptionsInput } from './decoding/options.js';
export type { LineScore, ScoreOptions } from './decoding/score.js';
export {
  type SourceLine,
  type TranslateOptions,
  type Translation,
  type TranslationProgress,
  type TranslationResult,
  unsureBelow,
} from './decoding/translator.js';
export type { Account } from './experiments/account.js';
export type { ExperimentName } from './experiments/catalogue/index.js';
export type { Cost } from './experiments/cost.js';
export type { ReproduceEvent, ReproduceOptions, Reproduction } from './experiments/reproduce.js';
export type { Evaluation } from './metrics/evaluate.js';
export type { ScoringOptions } from './metrics/scoring-options.js';
export type { ConfigurationInput } from './training/configuration.js';
export type { TrainingEvent, TrainingSummary } from './training/events.js';

/**
 * Trains a model into a run directory: tokenizers, epochs of updates, validation, checkpoints.
 *
 * Abort `options.signal` to save and stop; the same call with `resume: true` goes on and ends with the same parameters,
 * bit for bit, as if it had never stopped.
 *
 * @example
 * await train('my.yaml', { out: 'runs/mine', onEvent: (event) => { if (event.kind === 'log') console.log(event.line); } });
 *
 * @param configuration  path of a YAML file, or the same as an object
 * @param options        `out` is the run directory to make; `devices` worker threads compute (default: one a core)
 * @returns              what was reached: updates, epochs, the best validation, why it stopped
 * @throws DecadeError   `usage` for a wrong configuration, `input` for unusable corpora, `numeric` for a loss that is no
 *                       longer finite, `resource` for a full disk; whatever it is, the last checkpoint stands
 */
export function train(configuration: string | ConfigurationInput, options: api.TrainOptions): Promise<TrainingSummary> {
  return api.train(nodeRuntime, configuration, options);
}

/**
 * Opens a trained model. Runs no code of the model's and checks every size before it allocates.
 *
 * @example
 * await using model = await load('runs/mine');
 * const [result] = await model.translate(['3 weeks ago'], { beam: 12 });
 *
 * @param runs     a run directory; several translate together, which needs the same tokenizers
 * @param options  defaults for every translation: `beam`, `lengthPenalty`, `maximumLength`, ...; `devices` worker threads
 *                 translate what is long enough for it (default: one a core)
 * @returns        a model to translate and score with; `dispose` it, or declare it with `await using`
 * @throws DecadeError `input` for what is no run, or a damaged one; `usage` for runs that do not fit together
 */
export function load(runs: string | readonly string[], options?: LoadOptions): Promise<LoadedModel> {
  return loadModel(nodeRuntime, runs, options);
}

/**
 * Opens a model, translates lines and closes it: for once. To translate often, `load` and keep it.
 *
 * @returns a result for every line, in their order: `text`, `score`, `logProbability`, `nbest`; and what the model was not sure of:
 *          `unknownSourceWords`, `meanProbability`
 */
export function translate(
  runs: string | readonly string[],
  lines: readonly SourceLine[],
  options?: TranslateOptions & LoadOptions,
): Promise<TranslationResult[]> {
  return api.translate(nodeRuntime, runs, lines, options);
}

/**
 * The log-probability (in nats) that a model gives to each target, given its source: opens the model, scores, closes it. Several
 * models average their probabilities at every token, as they do when they translate.
 */
export function score(
  runs: string | readonly string[],
  pairs: readonly { readonly source: string; readonly target: string }[],
  options?: ScoreOptions & api.ComputeOptions,
): Promise<LineScore[]> {
  return api.score(nodeRuntime, runs, pairs, options);
}

/**
 * Chooses anew from an n-best list, of decade or of any other system, by the list's own scores and a model's log-probabilities.
 * Opens the model, rescores, closes it; to rescore often, `load` and keep it.
 *
 * @example
 * const dev = { lines: devList, sources: devSources, references: [devReferences] };
 * const { sentences, scores } = await rescore('runs/mine', { lines, sources, references: [references] }, { weight: { tunedOn: dev } });
 * console.log(sentences[0]?.text, scores?.list.score, scores?.rescored.score, scores?.rescored.difference?.low);
 *
 * @param runs     a run directory; several average their probabilities, which needs the same tokenizers
 * @param list     `lines` are those of an n-best file (`line ||| text ||| feature= values ||| score`), or `hypotheses` those of each
 *                 sentence, as `translate` gives them with `nbest`; `sources` what was translated
 * @param options  `weight` is the model's share: a number from 0 to 1 (default: 0.5), or tuned on another list; `own` which of
 *                 the list's figures counts (default: its score)
 * @returns        the hypotheses of each sentence, best first; with references, BLEU before and after, and of the best choice, each
 *                 with its interval and its difference from the list's own
 * @throws DecadeError `usage` for options that are not allowed, `input` for a list of another text or lines that cannot be read
 */
export function rescore(
  runs: string | readonly string[],
  list: NbestList,
  options?: RescoreOptions & api.ComputeOptions,
): Promise<Rescoring> {
  return api.rescore(nodeRuntime, runs, list, options);
}

/**
 * Scores translations against references as sacreBLEU does, with its signatures.
 *
 * @example
 * const [bleu] = evaluate({ hypotheses: ['the cat sat'], references: [['the cat sat down']], metrics: ['bleu'] });
 *
 * @param options `references` has one list for each set of references; `metrics` are `bleu`, `chrf`, `chrf++`, `ter`, `exact`;
 *                `tokenize`, `lowercase`, `smooth` and `smoothValue` as sacreBLEU's
 * @throws DecadeError `usage` for options that are not allowed, `input` for lists of different length
 */
export function evaluate(options: api.EvaluateOptions): Evaluation[] {
  return api.evaluate(options);
}

/**
 * Examines a run: how it learnt, how well it translates with intervals, by length and rarity, where it fails, what it sees.
 *
 * @example
 * const { page, examination } = await report('runs/mine', { testSet: { name: 'test', sources, references: [references] } });
 *
 * @returns what was found, and a page of it: HTML that needs no other file
 */
export function report(run: string, options?: api.ReportOptions): Promise<{ page: string; examination: Examination }> {
  return api.report(nodeRuntime, run, options);
}

/**
 * Translates a test set with each run and tests how they differ from the first, by paired bootstrap resampling.
 *
 * @returns the scores with intervals and probabilities, and a page with the sentences on which they differ most
 */
export function compare(runs: readonly string[], options?: api.CompareOptions): Promise<{ page: string; comparison: Comparison }> {
  return api.compare(nodeRuntime, runs, options);
}

/**
 * Reruns an experiment of a paper from end to end and sets its figures beside those of the paper.
 *
 * What is trained and translated is kept in `options.out` and shared by all experiments there. Abort `options.signal` to save and
 * stop; the same call goes on.
 *
 * @example
 * const { account, files } = await reproduce('reversal', {
 *   out: 'runs/the-paper',
 *   configuration: 'my.yaml',
 *   test: { source: 'test.en', target: 'test.fr' },
 *   onEvent: (event) => { if (event.kind === 'cost') console.log(`about ${event.cost.seconds} seconds`); },
 * });
 * console.log(account.head, account.rows, account.conclusions, files.page);
 *
 * @param options `configuration` says what to train on and which network to vary (default: a task that needs no data, with its
 *                `size`); the experiment's own options, such as `seeds` and `beam`, how much is done; `onEvent` is told
 *                what each stage will cost, then all that is done
 * @returns       the table, what it says in sentences, plots and all figures, and the files in which they were written
 * @throws DecadeError `usage` for an experiment there is not and options that are not allowed, and whatever `train` throws; the
 *                signal's reason when it aborts
 */
export async function reproduce<Name extends ExperimentName>(name: Name, options: ReproduceOptions<Name>): Promise<Reproduction> {
  // Whoever only translates need not load what draws.
  const experiments = await import('./experiments/reproduce.js');
  return experiments.reproduce(nodeRuntime, name, options);
}

/** What `reproduce` with the same options would still have to train, and how long that would take here. Trains nothing. */
export async function reproductionCost<Name extends ExperimentName>(name: Name, options: ReproduceOptions<Name>): Promise<Cost> {
  const experiments = await import('./experiments/reproduce.js');
  return experiments.reproductionCost(nodeRuntime, name, options);
}
