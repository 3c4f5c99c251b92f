import type { Comparison } from './analysis/examination/compare.js';
import { type ComparisonRequest, compareRuns } from './analysis/examination/compared-runs.js';
import { compareTexts, type TextComparison, type TextComparisonRequest } from './analysis/examination/compared-texts.js';
import { type Examination, type ExaminationRequest, examineRun } from './analysis/examination/examine.js';
import { translateAll } from './analysis/examination/examined-test.js';
import { type RescoreOptions, type Rescoring, selectFromList } from './analysis/rescoring/rescore.js';
import type { NbestList } from './analysis/rescoring/rescoring.js';
import { requireItem, requireList, text as textItem } from './core/lists.js';
import type { LineScore, ScoreOptions } from './decoding/score.js';
import type { ScoredText, TextScoreOptions, TextScores } from './decoding/text-score.js';
import type { SourceLine } from './decoding/source-line.js';
import type { TranslateOptions, TranslationResult } from './decoding/translator.js';
import type { ExperimentName } from './experiments/catalogue/index.js';
import type { Cost } from './experiments/cost.js';
import type { Reproduction, Waiting } from './experiments/carry-out.js';
import type { ScalingPlanInput } from './experiments/scaling/plan.js';
import type { ScalingOptions } from './experiments/scaling/scale.js';
import type { ReproduceOptions } from './experiments/reproduce.js';
import type { ExportedModel, ExportOptions } from './foreign/export.js';
import type { ImportedModel, ImportOptions } from './foreign/imported-model.js';
import { load, withModel } from './load.js';
import type { ComputeOptions, LoadedModel, LoadOptions } from './loaded-model.js';
import type { Evaluation } from './metrics/evaluate.js';
import { type EvaluateOptions, evaluateAll, type ScoringOptions } from './metrics/scoring-options.js';
import { withMountedRun, withMountedRuns } from './packed/mounted-runs.js';
import { pack, type PackOptions } from './packed/pack-file.js';
import type { PackedSummary } from './packed/pack.js';
import { type UnpackOptions, unpack } from './packed/unpack.js';
import type { Runtime } from './parallel/runtime.js';
import { type TrainOptions, train } from './parallel/train.js';
import type { ConfigurationInput } from './training/configuration.js';
import type { TrainingSummary } from './training/events.js';
import { requireRuns } from './training/request-options.js';
import { describeRun, languagesOfRun } from './training/run-description.js';

export interface ReportOptions extends Omit<ExaminationRequest, 'scoring'>, ScoringOptions, ComputeOptions {
  /** The command line to show on the page. Default: `decade report RUN`. */
  readonly command?: readonly string[] | undefined;
}

export interface CompareOptions extends ComparisonRequest, ComputeOptions {}

export interface CompareTextsOptions extends TextComparisonRequest, ComputeOptions {}

/** The library, for any platform that provides files, threads and devices. */
export interface Decade {
  /**
   * Trains a model into a run directory: tokenizers, epochs of updates, validation, checkpoints.
   *
   * Abort `options.signal` to save and stop. The same call with `resume: true` continues and ends with the same parameters,
   * bit for bit, as an uninterrupted training.
   *
   * @example
   * await train('my.yaml', { out: 'runs/mine', onEvent: (event) => { if (event.kind === 'log') console.log(event.line); } });
   *
   * @param configuration  path of a YAML file, or the same as an object
   * @param options        `out` is the new run directory; `devices` is the number of worker threads (default: one per core)
   * @returns              updates, epochs, the best validation and the reason for stopping
   * @throws DecadeError   `usage` for a wrong configuration, `input` for unusable corpora, `numeric` for a loss that is no
   *                       longer finite, `resource` for a full disk; in every case the last checkpoint is kept
   */
  train(configuration: string | ConfigurationInput, options: TrainOptions): Promise<TrainingSummary>;

  /**
   * Makes a run of a model from Hugging Face, Marian or CTranslate2, or of n-grams, which then is a run like any other.
   *
   * @example
   * await importModel('opus-mt-en-de', { out: 'runs/en-de' });
   *
   * @param path     the folder of the model: `model.safetensors`, a `.npz` of Marian, or `model.bin` of CTranslate2; or an
   *                 ARPA file, `.arpa` or `.arpa.gz`
   * @param options  `out` is the new run directory
   * @returns        what it is: architecture, sizes
   * @throws DecadeError `input` for a damaged checkpoint and for a model that decade does not have; nothing is written then
   */
  importModel(path: string, options: ImportOptions): Promise<ImportedModel>;

  /**
   * Writes the Transformer of a run as a folder in Hugging Face's layout, or its n-grams as an ARPA file.
   *
   * @param options  `out` is the new folder, or with `to: 'arpa'` the file
   * @returns        the class that it is, and the names of the files
   * @throws DecadeError `usage` for a model that no class of Hugging Face has, naming the option that stands in the way, or that has no
   *                     n-grams
   */
  exportModel(run: string, options: ExportOptions): Promise<ExportedModel>;

  /**
   * Opens a trained model. Runs no code from the model and checks every size before it allocates.
   *
   * @example
   * await using model = await load('runs/mine');
   * const [result] = await model.translate(['3 weeks ago'], { beam: 12 });
   *
   * @param runs     a run directory, a packed model or the URL of one; several form an ensemble and need the same tokenizers
   * @param options  defaults for every translation: `beam`, `lengthPenalty`, `maximumLength`, ...; `devices` worker threads
   *                 are used if there is enough work (default: one per core)
   * @returns        a model for translating and scoring; `dispose` it, or declare it with `await using`
   * @throws DecadeError `input` for a directory that is not a run or is damaged; `usage` for runs that cannot be combined
   */
  load(runs: string | readonly string[], options?: LoadOptions): Promise<LoadedModel>;

  /** The languages that a run translates from and into, as its configuration names them; undefined where it names none. */
  languages(run: string): Promise<{ source: string; target: string } | undefined>;

  /**
   * Packs a run into one file that holds all that its model needs, and nothing executable; several form an ensemble. Whatever takes a
   * run takes the file, or the URL where it is put.
   *
   * @example
   * const { bytes, hash } = await pack('runs/mine', { out: 'mine.decade', precision: 'int8' });
   *
   * @param options  `out` is the file; `precision` of the weights: `f32` (default), `f16` or `int8`; `card` and `licence` are texts that
   *                 go with it
   * @throws DecadeError `input` for what is no run or is damaged, `usage` for runs that cannot be combined
   */
  pack(runs: string | readonly string[], options: PackOptions): Promise<PackedSummary>;

  /**
   * Makes the run that a packed model was packed from; of an ensemble, a directory with its runs `1`, `2`, ...
   *
   * @returns the run directories
   */
  unpack(packed: string, options: UnpackOptions): Promise<string[]>;

  /**
   * Opens a model, translates lines and closes it. To translate repeatedly, `load` a model and keep it.
   *
   * @returns a result for every line, in order: `text`, `score`, `logProbability`, `nbest`; and signs of uncertainty:
   *          `unknownSourceWords`, `meanProbability`
   */
  translate(
    runs: string | readonly string[],
    lines: readonly SourceLine[],
    options?: TranslateOptions & LoadOptions,
  ): Promise<TranslationResult[]>;

  /**
   * The log-probability (in nats) that a model gives to each target, given its source: opens the model, scores, closes it. Several
   * models average their probabilities at every token, as in translation.
   */
  score(
    runs: string | readonly string[],
    pairs: readonly { readonly source: string; readonly target: string }[],
    options?: ScoreOptions & ComputeOptions,
  ): Promise<LineScore[]>;

  /**
   * How likely a language model finds texts, each a document: log-probability, perplexity, bits per byte. Opens the model, scores,
   * closes it.
   *
   * @example
   * const { total } = await scoreText('runs/shakespeare', [await readFile('act-5.txt')]);
   * console.log(total.perplexity, total.bitsPerByte);
   *
   * @param texts  text or bytes, also parts of documents that are too long to be held: `{ bytes, ends }`
   */
  scoreText(
    runs: string | readonly string[],
    texts: AsyncIterable<ScoredText> | Iterable<ScoredText>,
    options?: TextScoreOptions & ComputeOptions,
  ): Promise<TextScores>;

  /**
   * Chooses anew from an n-best list, of decade or of any other system, by the list's own scores and a model's log-probabilities.
   * Opens the model, rescores, closes it; to rescore often, `load` and keep it.
   *
   * @example
   * const dev = { lines: devList, sources: devSources, references: [devReferences] };
   * const { sentences, scores } = await rescore('runs/mine', { lines, sources, references: [references] }, { weight: { tunedOn: dev } });
   * console.log(sentences[0]?.text, scores?.list.score, scores?.rescored.score, scores?.rescored.difference?.low);
   *
   * @param runs     a run directory; several average their probabilities, which needs the same tokenizers; none (`[]`) where `select` is
   *                 all that orders the list
   * @param list     `lines` are those of an n-best file (`line ||| text ||| feature= values ||| score`), or `hypotheses` those of each
   *                 sentence, as `translate` returns them with `nbest`; `sources` are the source sentences
   * @param options  `weight` is the model's share: a number from 0 to 1 (default: 0.5), or tuned on another list; `own` which of
   *                 the list's figures to use (default: its score); `select` chooses by minimum Bayes risk or self-consistency
   * @returns        the hypotheses of each sentence, best first; with references, BLEU before and after and of the oracle, each
   *                 with its interval and its difference from that of the list
   * @throws DecadeError `usage` for options that are not allowed, `input` for a list of another source text or for unreadable lines
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
   * Examines a run: training curves, scores with intervals, by length and by rarity, examples of errors, attention.
   *
   * @example
   * const { page, examination } = await report('runs/mine', { testSet: { name: 'test', sources, references: [references] } });
   *
   * @returns the findings, and a page that shows them: HTML without other files
   */
  report(run: string, options?: ReportOptions): Promise<{ page: string; examination: Examination }>;

  /**
   * Translates a test set with each run and tests the differences from the first, by paired bootstrap resampling.
   *
   * @returns the scores with intervals and probabilities, and a page with the sentences on which they differ most
   */
  compare(runs: readonly string[], options?: CompareOptions): Promise<{ page: string; comparison: Comparison }>;

  /**
   * Compares language models by what they make of one text, by default the dev text of the first: bits per byte with intervals and
   * tests, loss by position in the context, and by their validations.
   *
   * @returns the figures, and a page with the lines on which they differ most, their curves and configurations
   * @throws DecadeError `usage` for fewer than two runs, or one that translates
   */
  compareTexts(runs: readonly string[], options?: CompareTextsOptions): Promise<TextComparison & { page: string }>;

  /**
   * Reruns an experiment of a paper from start to finish and compares its effects with the paper's.
   *
   * Models and translations are stored in `options.out` and shared by all experiments there. Abort `options.signal` to save and
   * stop; the same call continues.
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
   * @param options `configuration` names the training data and the network to vary (default: a task that needs no data, with its
   *                `size`); the experiment's own options, such as `seeds` and `beam`, determine the effort; `onEvent` receives
   *                the predicted cost of each stage, then the progress
   * @returns       the table, the conclusions, the plots and all figures, and the files that contain them
   * @throws DecadeError `usage` for an unknown experiment or options that are not allowed, and whatever `train` throws; the
   *                signal's reason when it aborts
   */
  reproduce<Name extends ExperimentName>(name: Name, options: ReproduceOptions<Name>): Promise<Reproduction>;

  /** The remaining trainings of `reproduce` with the same options, and the time that they would take here. Trains nothing. */
  reproductionCost<Name extends ExperimentName>(name: Name, options: ReproduceOptions<Name>): Promise<Cost>;

  /**
   * Trains the networks of a plan, of several sizes on several amounts of data, fits how their loss falls with both, and says what the
   * largest will reach before they are trained.
   *
   * Runs are stored in `options.out`, and plans that share it share them. Abort `options.signal` to save and stop; the same call
   * continues. `options.shard` trains one share of several; `Waiting` is returned while trainings of others are missing.
   *
   * @param plan  path of a YAML file, or the same as an object
   * @throws DecadeError `usage` for mistakes of the plan, each with its line, and whatever `train` throws; the signal's reason when
   *                it aborts
   */
  scale(plan: string | ScalingPlanInput, options: ScalingOptions): Promise<Reproduction | Waiting>;

  /** The remaining trainings of `scale` with the same options, and the time that they would take here. Trains nothing. */
  scaleCost(plan: string | ScalingPlanInput, options: ScalingOptions): Promise<Cost>;
}

/** The library on a platform. */
export function decade(runtime: Runtime): Decade {
  return {
    train: (configuration, options) => train(runtime, configuration, options),

    importModel: async (path, options) => (await import('./foreign/import.js')).importModel(runtime.files, path, options),

    exportModel: async (run, options) => (await import('./foreign/export.js')).exportModel(runtime.files, run, options),

    load: (runs, options) => load(runtime, runs, options),

    languages: (run) => withMountedRun(runtime.files, run, languagesOfRun),

    async pack(runs, options) {
      requireRuns(runs);
      return pack(runtime.files, runs, options, describeRun);
    },

    async unpack(packed, options) {
      requireItem('packed', packed, textItem);
      return unpack(runtime.files, packed, options);
    },

    translate: (runs, lines, { gemm, devices, ...options } = {}) =>
      withModel(runtime, runs, { gemm, devices }, (model) => model.translate(lines, options)),

    score: (runs, pairs, { gemm, devices, ...options } = {}) =>
      withModel(runtime, runs, { gemm, devices }, (model) => model.score(pairs, options)),

    scoreText: (runs, texts, { gemm, devices, ...options } = {}) =>
      withModel(runtime, runs, { gemm, devices }, (model) => model.scoreText(texts, options)),

    rescore(runs, list, { gemm, devices, ...options } = {}) {
      if (runs.length === 0 && options.select !== undefined) return selectFromList(list, options);
      return withModel(runtime, runs, { gemm, devices }, (model) => model.rescore(list, options));
    },

    evaluate: evaluateAll,

    async report(run, { gemm, devices, command = ['decade', 'report', run], ...options } = {}) {
      requireItem('run', run, textItem);
      const { testSet, text, groups, decoding, attention, signal, onProgress, ...scoring } = options;
      const request = { testSet, text, groups, decoding, attention, signal, onProgress, scoring };
      const examination = await withMountedRun(runtime.files, run, (files, path) =>
        examineRun(files, path, request, () => load({ ...runtime, files }, path, { gemm, devices })),
      );
      // Whoever only translates need not load what draws.
      const { reportPage } = await import('./analysis/report/report-page.js');
      return { page: await reportPage(examination, command), examination };
    },

    async compare(runs, { gemm, devices, ...request } = {}) {
      const { decoding, signal, onProgress } = request;
      requireList('runs', runs);
      const compared = await withMountedRuns(runtime.files, runs, (files, paths) =>
        compareRuns(files, paths, request, (run, lines) =>
          withModel({ ...runtime, files }, run, { gemm, devices }, (model) => translateAll(model, lines, { decoding, signal, onProgress })),
        ),
      );
      const { comparePage } = await import('./analysis/report/compare-page.js');
      return { page: await comparePage(compared.comparison, compared), comparison: compared.comparison };
    },

    async compareTexts(names, { gemm, devices, ...request } = {}) {
      requireList('runs', names);
      const compared = await withMountedRuns(runtime.files, names, (files, paths) =>
        compareTexts(files, paths, request, (run, use) => withModel({ ...runtime, files }, run, { gemm, devices }, use)),
      );
      const { compareTextsPage } = await import('./analysis/report/compare-texts-page.js');
      return { page: await compareTextsPage(compared), ...compared };
    },

    async reproduce(name, options) {
      const experiments = await import('./experiments/reproduce.js');
      return experiments.reproduce(runtime, name, options);
    },

    async reproductionCost(name, options) {
      const experiments = await import('./experiments/reproduce.js');
      return experiments.reproductionCost(runtime, name, options);
    },

    async scale(plan, options) {
      const scaling = await import('./experiments/scaling/scale.js');
      return scaling.scale(runtime, plan, options);
    },

    async scaleCost(plan, options) {
      const scaling = await import('./experiments/scaling/scale.js');
      return scaling.scaleCost(runtime, plan, options);
    },
  };
}
