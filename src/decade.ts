import type { Comparison } from './analysis/examination/compare.js';
import { type ComparisonRequest, compareRuns } from './analysis/examination/compared-runs.js';
import { type Examination, type ExaminationRequest, examineRun } from './analysis/examination/examine.js';
import { translateAll } from './analysis/examination/examined-test.js';
import type { RescoreOptions, Rescoring } from './analysis/rescoring/rescore.js';
import type { NbestList } from './analysis/rescoring/rescoring.js';
import { requireItem, text } from './core/lists.js';
import type { LineScore, ScoreOptions } from './decoding/score.js';
import type { SourceLine, TranslateOptions, TranslationResult } from './decoding/translator.js';
import type { ExperimentName } from './experiments/catalogue/index.js';
import type { Cost } from './experiments/cost.js';
import type { ReproduceOptions, Reproduction } from './experiments/reproduce.js';
import { load, withModel } from './load.js';
import type { ComputeOptions, LoadedModel, LoadOptions } from './loaded-model.js';
import type { Evaluation } from './metrics/evaluate.js';
import { type EvaluateOptions, evaluateAll, type ScoringOptions } from './metrics/scoring-options.js';
import type { Runtime } from './parallel/runtime.js';
import { type TrainOptions, train } from './parallel/train.js';
import type { ConfigurationInput } from './training/configuration.js';
import type { TrainingSummary } from './training/events.js';

export interface ReportOptions extends Omit<ExaminationRequest, 'scoring'>, ScoringOptions, ComputeOptions {
  /** The command line that asks, for the page to repeat. Default: `decade report RUN`. */
  readonly command?: readonly string[] | undefined;
}

export interface CompareOptions extends ComparisonRequest, ComputeOptions, Pick<ExaminationRequest, 'decoding'> {}

/** The library: what can be done on any platform that gives it files, threads and devices. */
export interface Decade {
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
  train(configuration: string | ConfigurationInput, options: TrainOptions): Promise<TrainingSummary>;

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
  load(runs: string | readonly string[], options?: LoadOptions): Promise<LoadedModel>;

  /**
   * Opens a model, translates lines and closes it: for once. To translate often, `load` and keep it.
   *
   * @returns a result for every line, in their order: `text`, `score`, `logProbability`, `nbest`; and what the model was not sure of:
   *          `unknownSourceWords`, `meanProbability`
   */
  translate(
    runs: string | readonly string[],
    lines: readonly SourceLine[],
    options?: TranslateOptions & LoadOptions,
  ): Promise<TranslationResult[]>;

  /**
   * The log-probability (in nats) that a model gives to each target, given its source: opens the model, scores, closes it. Several
   * models average their probabilities at every token, as they do when they translate.
   */
  score(
    runs: string | readonly string[],
    pairs: readonly { readonly source: string; readonly target: string }[],
    options?: ScoreOptions & ComputeOptions,
  ): Promise<LineScore[]>;

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
  rescore(runs: string | readonly string[], list: NbestList, options?: RescoreOptions & ComputeOptions): Promise<Rescoring>;

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
  evaluate(options: EvaluateOptions): Evaluation[];

  /**
   * Examines a run: how it learnt, how well it translates with intervals, by length and rarity, where it fails, what it sees.
   *
   * @example
   * const { page, examination } = await report('runs/mine', { testSet: { name: 'test', sources, references: [references] } });
   *
   * @returns what was found, and a page of it: HTML that needs no other file
   */
  report(run: string, options?: ReportOptions): Promise<{ page: string; examination: Examination }>;

  /**
   * Translates a test set with each run and tests how they differ from the first, by paired bootstrap resampling.
   *
   * @returns the scores with intervals and probabilities, and a page with the sentences on which they differ most
   */
  compare(runs: readonly string[], options?: CompareOptions): Promise<{ page: string; comparison: Comparison }>;

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
  reproduce<Name extends ExperimentName>(name: Name, options: ReproduceOptions<Name>): Promise<Reproduction>;

  /** What `reproduce` with the same options would still have to train, and how long that would take here. Trains nothing. */
  reproductionCost<Name extends ExperimentName>(name: Name, options: ReproduceOptions<Name>): Promise<Cost>;
}

/** The library on a platform. */
export function decade(runtime: Runtime): Decade {
  return {
    train: (configuration, options) => train(runtime, configuration, options),

    load: (runs, options) => load(runtime, runs, options),

    translate: (runs, lines, { gemm, devices, ...options } = {}) =>
      withModel(runtime, runs, { gemm, devices }, (model) => model.translate(lines, options)),

    score: (runs, pairs, { gemm, devices, ...options } = {}) =>
      withModel(runtime, runs, { gemm, devices }, (model) => model.score(pairs, options)),

    rescore: (runs, list, { gemm, devices, ...options } = {}) =>
      withModel(runtime, runs, { gemm, devices }, (model) => model.rescore(list, options)),

    evaluate: evaluateAll,

    async report(run, { gemm, devices, command = ['decade', 'report', run], ...options } = {}) {
      requireItem('run', run, text);
      const { testSet, groups, decoding, attention, signal, onProgress, ...scoring } = options;
      const request = { testSet, groups, decoding, attention, signal, onProgress, scoring };
      const examination = await examineRun(runtime.files, run, request, () => load(runtime, run, { gemm, devices }));
      // Whoever only translates need not load what draws.
      const { reportPage } = await import('./analysis/report/report-page.js');
      return { page: await reportPage(examination, command), examination };
    },

    async compare(runs, { gemm, devices, decoding, ...request } = {}) {
      const { signal, onProgress } = request;
      const compared = await compareRuns(runtime.files, runs, request, (run, lines) =>
        withModel(runtime, run, { gemm, devices }, (model) => translateAll(model, lines, { decoding, signal, onProgress })),
      );
      const { comparePage } = await import('./analysis/report/compare-page.js');
      return { page: await comparePage(compared.comparison, compared), comparison: compared.comparison };
    },

    async reproduce(name, options) {
      const experiments = await import('./experiments/reproduce.js');
      return experiments.reproduce(runtime, name, options);
    },

    async reproductionCost(name, options) {
      const experiments = await import('./experiments/reproduce.js');
      return experiments.reproductionCost(runtime, name, options);
    },
  };
}
