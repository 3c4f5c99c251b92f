import type { Journal } from '../checkpoint/journal.js';
import type { Checkpoint } from '../checkpoint/checkpoints.js';
import { descriptionFile, type Tokenizers } from '../checkpoint/model-files.js';
import { Run } from '../checkpoint/run.js';
import { requireFree } from '../checkpoint/run-files.js';
import type { RunLock } from '../checkpoint/run-lock.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { type Corpus, openCorpus, type ReadingProgress } from '../data/corpus.js';
import { type ContextOptions, resolveContexts, scoredContexts } from '../data/contexts.js';
import { readPassages, type TextSource } from '../data/documents.js';
import { isText, readPairs } from '../data/sources.js';
import { createModel, type ModelOptions } from '../models/create.js';
import { type Model, vocabularySizes } from '../models/model.js';
import { InitialValues } from '../nn/parameters.js';
import { type Configuration, configurationOf, originOf, printConfiguration, resolveRunConfiguration } from './configuration.js';
import { describeInit, requireResumable } from './configuration-changes.js';
import { withMountedRun } from '../packed/mounted-runs.js';
import type { Precision } from '../tensor/matrix.js';
import { Memory } from '../tensor/memory.js';
import { PlacedValues } from '../tensor/named-values.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { TrainingEvent } from './events.js';
import type { Executor } from './executor.js';
import { describeInheritance, inheritParameters } from './inheritance.js';
import type { UpdateRule } from './optimizer-options.js';
import type { ParallelOptions } from './parallel-options.js';
import {
  corpusFingerprint,
  optionsOf,
  parseProgress,
  placementDifference,
  TrainingProgress,
  requireSameCorpus,
  type SavedProgress,
} from './progress.js';
import { inheritedTokenizers, type TrainTokenizersOptions, trainTokenizers } from './tokenizers.js';
import { Validation } from './validation.js';
import { optionsWithoutEffect, requireRoom } from './suitability.js';
import { VariedSegmentation } from './varied-segmentation.js';

/** A model to be trained, and the conditions. */
export interface ExecutorSetup {
  /** Its parameters are declared; the executor's maker gives them room. */
  readonly model: Model;
  readonly modelOptions: ModelOptions;
  readonly rule: UpdateRule;
  readonly parallel: ParallelOptions;
  /** As most batches are: sentences, and tokens of a sentence on each side. */
  readonly batch: { readonly sentences: number; readonly sourceTokens: number; readonly targetTokens: number };
  /** Of matrix products, as the configuration asks. */
  readonly precision: Precision;
  /** Of the run that is resumed: on the same, results are bit-identical. */
  readonly placement: Executor['placement'] | undefined;
  /** Told when the computing differs from what was asked for. */
  readonly warn: (message: string) => void;
}

/** Dependencies of the training loop. */
export interface TrainingContext {
  readonly files: Files;
  /** Makes what computes, on the devices of the caller's choice. */
  openExecutor(setup: ExecutorSetup): Promise<Executor>;
}

export interface TrainRequest {
  /** The run directory: a new one, or with `resume` that of the run. */
  readonly out: string;
  /** Continue from the last checkpoint. */
  readonly resume?: boolean | undefined;
  /** Begin with the parameters and tokenizers of another run. */
  readonly init?: string | undefined;
  /** Resume although the placement differs, so results are not bit-identical. */
  readonly allowDifferentPlacement?: boolean | undefined;
  /** The new run may be created in a directory with other files, if none has a name that a run uses. */
  readonly amongOthers?: boolean | undefined;
  /** The directory of tokenized corpora. Default: `cache` in the run directory. */
  readonly cache?: string | undefined;
  /** The lock of `out` from a caller that already holds and keeps it. Default: a lock for the duration of the training. */
  readonly lock?: RunLock | undefined;
  /** Finishes the current update, saves a checkpoint and ends. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: TrainingEvent) => void) | undefined;
}

/** Everything that the loop works with. */
export interface Prepared {
  readonly configuration: Configuration;
  readonly run: Run;
  readonly model: Model;
  readonly corpus: Corpus;
  readonly segmentation: VariedSegmentation | undefined;
  readonly fingerprint: SavedProgress['corpus'];
  readonly validation: Validation | undefined;
  readonly executor: Executor;
  readonly progress: TrainingProgress;
  readonly isRestored: boolean;
  readonly metrics: Journal;
  readonly log: Journal;
  close(): Promise<void>;
}

/** Throws, before anything is written, if there is no run to resume, the directory is not free, or a corpus cannot be opened. */
export async function requirePossible(
  { files }: TrainingContext,
  { data, model }: Configuration,
  { out, resume, amongOthers }: TrainRequest,
): Promise<void> {
  if (resume) {
    await Run.open(files, out);
    return;
  }
  await requireFree(files, out, amongOthers);
  for (const source of [data.train, data.dev]) {
    if (source === undefined || 'generator' in source) continue;
    if (isText(source)) await requireFiles(files, source);
    else for await (const _pair of readPairs(files, source)) break;
  }
  // Options of an encoder are refused before a corpus is read.
  if (isText(data.train)) createModel(model, { target: smallestVocabulary });
}

/** Creates the run, or finds it and its last checkpoint. Undefined if the signal aborts first. */
export async function prepare(
  context: TrainingContext,
  given: Configuration,
  request: TrainRequest,
  lock: RunLock,
): Promise<Prepared | undefined> {
  const { files } = context;
  const { signal } = request;
  const emit = (event: TrainingEvent) => request.onEvent?.(event);
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const { run, configuration } = await (request.resume ? findRun(files, given, request) : makeRun(files, given, request));
    await lock.enter();
    const tokenizers = await run.tokenizersOf(originOf(configuration));
    const { data, training } = configuration;

    const open = async (part: 'train' | 'dev', source: typeof data.train, contexts: ContextOptions) => {
      const corpus = await openCorpus({
        files,
        source,
        sourceTokenizer: tokenizers.source,
        targetTokenizer: tokenizers.target,
        filter: { maximumLength: data.maximumLength, maximumRatio: data.maximumRatio, balancedUpTo: data.balancedUpTo },
        contexts,
        cache: { files, directory: request.cache ?? run.fileAt('cache') },
        ...(signal && { signal }),
        onProgress: (progress) => emit({ kind: 'tokenizing', part, ...progress }),
      });
      closers.push(() => corpus.close());
      emit({ kind: 'corpus', part, pairs: corpus.pairs, report: corpus.report, text: corpus.text });
      return corpus;
    };
    const contexts = resolveContexts(data);
    const corpus = await open('train', data.train, contexts);
    const dev =
      data.dev === undefined || training.validate === undefined ? undefined : await open('dev', data.dev, scoredContexts(contexts));

    const model = newModel(configuration, tokenizers);
    for (const key of optionsWithoutEffect(configuration, model)) {
      emit({
        kind: 'warning',
        message: `${key} has no effect: ${model.summary.description} on ${model.vocabularies.source === undefined ? 'text' : 'pairs'}`,
      });
    }
    requireRoom(model, corpus, 'data.train');
    if (dev !== undefined) requireRoom(model, dev, 'data.dev');
    const { optimizer, clip, normalise, labelSmoothing, seed, precision, parallel } = training;
    const rule = { optimizer, clip, normalise, labelSmoothing, seed };
    const checkpoint = request.resume ? await latestCheckpoint(run, request) : undefined;
    const { placement } = checkpoint?.saved ?? {};
    const warn = (message: string) => emit({ kind: 'warning', message });
    const batch = usualBatch(corpus, training.batch);
    const { lengthLimits } = model;
    const segmentation = VariedSegmentation.of({ tokenizers, probability: training.mergeDropout ?? 0, seed, lengthLimits });
    const executor = await context.openExecutor({
      model,
      modelOptions: configuration.model,
      rule,
      parallel,
      batch,
      precision,
      placement,
      warn,
    });
    closers.push(() => executor.dispose());
    emit({ kind: 'model', parameters: model.parameters.count, placement: executor.placement });

    const fingerprint = await corpusFingerprint(corpus);
    if (checkpoint !== undefined) {
      requireSameCorpus(checkpoint.saved.corpus, fingerprint, run.path, corpus.text === undefined ? 'pairs' : 'contexts');
      await restore(checkpoint, run, executor, request);
    } else {
      // Without a checkpoint, a model can only be the one that the run was made from.
      if (await run.hasModel()) await run.restoreModel((parameters) => executor.distribute({ parameters }));
      else await executor.distribute({ parameters: new InitialValues(model.parameters, seed) });
    }

    const validation =
      dev === undefined || data.dev === undefined || training.validate === undefined
        ? undefined
        : await Validation.open({
            options: training.validate,
            batching: training,
            corpus: dev,
            files,
            source: data.dev,
            tokenizers,
          });
    const saved = checkpoint?.saved;
    const metrics = await run.journal('metrics.jsonl', saved?.metricsBytes ?? 0);
    closers.push(() => metrics.close());
    const log = await run.journal('train.log', saved?.logBytes ?? 0);
    closers.push(() => log.close());
    const progress = checkpoint === undefined ? new TrainingProgress() : TrainingProgress.restored(checkpoint.step, checkpoint.saved);
    const opened = { run, model, corpus, segmentation, fingerprint, validation, executor, progress, metrics, log };
    return { configuration, ...opened, isRestored: checkpoint !== undefined, close };
  } catch (error) {
    await close();
    if (isAbort(error, signal)) return undefined;
    throw error;
  }
}

/** Whether an error is only the signal's reason. */
export function isAbort(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && (error === signal.reason || !(error instanceof DecadeError));
}

async function configurationOfRun(run: Run): Promise<Configuration> {
  return resolveRunConfiguration(await run.configuration(), run.fileAt('config.yaml'));
}

/** A run directory and its configuration. */
interface ConfiguredRun {
  readonly run: Run;
  readonly configuration: Configuration;
}

/** The run to resume. */
async function findRun(files: Files, given: Configuration, { out, init, onEvent }: TrainRequest): Promise<ConfiguredRun> {
  const run = await Run.open(files, out);
  if (init !== undefined)
    onEvent?.({ kind: 'initialised', run: init, message: `--init ${init} is not read again: ${out} continues from its own checkpoint` });
  const before = await configurationOfRun(run);
  const configuration = init === undefined ? given : { ...given, tokenizer: before.tokenizer };
  requireResumable(before, configuration, out);
  await run.removeLeftovers();
  const text = printConfiguration(configuration);
  if (printConfiguration(before) !== text) await run.replaceConfiguration(text);
  if (!(await run.describe(originOf(configuration)))) {
    const message = `${run.fileAt(descriptionFile)} is not decade's and stays; without its own the run cannot be loaded in a browser`;
    onEvent?.({ kind: 'warning', message });
  }
  return { run, configuration };
}

/** A new run, with its own tokenizers or with both model and tokenizers of another run. */
async function makeRun(files: Files, given: Configuration, request: TrainRequest): Promise<ConfiguredRun> {
  const { out, init, amongOthers, signal, onEvent } = request;
  await requireFree(files, out, amongOthers);
  const reading = {
    files,
    source: given.data.train,
    signal,
    onProgress: (progress: ReadingProgress) => onEvent?.({ kind: 'tokenizers', ...progress }),
  };
  if (init !== undefined) {
    return withMountedRun(files, init, async (mounted, path) => makeRunFrom(await Run.open(mounted, path), files, given, request, reading));
  }
  const tokenizers = await trainTokenizers({ ...reading, options: given.tokenizer });
  const contents = { configuration: printConfiguration(given), origin: originOf(given), tokenizers, amongOthers };
  return { run: await Run.create(files, out, contents), configuration: given };
}

/** A new run with the model and the tokenizers of another. */
async function makeRunFrom(
  model: Run,
  files: Files,
  given: Configuration,
  { out, amongOthers, onEvent }: TrainRequest,
  reading: Omit<TrainTokenizersOptions, 'options'>,
): Promise<ConfiguredRun> {
  const before = await configurationOfRun(model);
  const theirs = await model.tokenizersOf(originOf(before));
  // Where the source of pairs has a vocabulary of its own, it is as the new configuration says.
  const keepsOwn = theirs.source === undefined && !isText(given.data.train);
  // Another's tokenizer must suit this corpus, too.
  const configuration = keepsOwn ? given : configurationOf({ ...given, tokenizer: before.tokenizer }, files.absolute);
  const tokenizers = await inheritedTokenizers({ ...reading, options: given.tokenizer }, theirs);
  const { parameters } = newModel(configuration, tokenizers);
  parameters.allocate(new Memory({ shared: false }));
  parameters.initialise(given.training.seed);
  const inheritance = await inheritParameters(model, parameters, theirs, tokenizers).catch((error: unknown) => {
    if (!(error instanceof DecadeError)) throw error;
    throw new DecadeError(error.kind, { ...error.parts, next: `use the model options in ${model.fileAt('config.yaml')}`, cause: error });
  });
  const message = [describeInit(model.path, before, given), describeInheritance(inheritance)].filter((part) => part !== '').join('; ');
  onEvent?.({ kind: 'initialised', run: model.path, message });
  const own = { configuration: printConfiguration(configuration), origin: originOf(configuration), tokenizers, amongOthers };
  return { run: await Run.create(files, out, { ...own, parameters: PlacedValues.of(parameters) }), configuration };
}

function newModel({ model: options }: Configuration, { source, target }: Tokenizers): Model {
  const model = createModel(options, vocabularySizes({ source, target }));
  // Of one size, two vocabularies would share vectors for different words.
  if (model.needsOneVocabulary && source !== undefined && !hasSameTokens(source, target)) {
    throw new DecadeError('usage', {
      where: 'model',
      received: 'embeddings that source and target share, with a vocabulary for each',
      allowed: 'one vocabulary for both sides',
      next: 'set tokenizer.shared=true, or tie no embeddings of the source',
    });
  }
  return model;
}

/** Whether ids mean the same on both sides, however each splits its text. */
function hasSameTokens(source: Tokenizer, target: Tokenizer): boolean {
  if (source === target) return true;
  return (
    source.size === target.size && Array.from({ length: source.size }, (_, id) => id).every((id) => source.token(id) === target.token(id))
  );
}

/** Fewer tokens than any tokenizer has. */
const smallestVocabulary = 1;

/** Throws `input` for a text that cannot be opened. */
async function requireFiles(files: Files, { text, documents }: TextSource): Promise<void> {
  for (const path of text) for await (const _passage of readPassages(files, { text: [path], documents })) break;
}

function usualBatch({ lengths, pairs }: Corpus, size: Configuration['training']['batch']): ExecutorSetup['batch'] {
  const mean = (counts: ArrayLike<number>) => Array.from(counts).reduce((sum, count) => sum + count, 0) / Math.max(1, pairs);
  const targetTokens = Math.max(1, Math.round(mean(lengths.target) + 1));
  const sentences = 'sentences' in size ? Math.min(size.sentences, pairs) : Math.max(1, Math.round(size.tokens / targetTokens));
  return { sentences, sourceTokens: Math.max(1, Math.round(mean(lengths.source))), targetTokens };
}

/** The run's last checkpoint, with its state of the loop; undefined if the run stopped before its first. */
async function latestCheckpoint(run: Run, request: TrainRequest): Promise<(Checkpoint & { saved: SavedProgress }) | undefined> {
  const checkpoint = await run.checkpoints.latest((message) => request.onEvent?.({ kind: 'warning', message }));
  if (checkpoint === undefined) return undefined;
  return { ...checkpoint, saved: parseProgress(checkpoint.progress, joinPath(run.path, `checkpoint ${checkpoint.step}`)) };
}

/** Loads a checkpoint into the executor. */
async function restore(
  { step, saved, restore: read }: Checkpoint & { saved: SavedProgress },
  run: Run,
  executor: Executor,
  request: TrainRequest,
): Promise<void> {
  const difference = placementDifference(saved.placement, executor.placement);
  if (difference !== '') {
    if (!request.allowDifferentPlacement) {
      throw new DecadeError('usage', {
        where: `${run.path}, resuming`,
        received: difference,
        allowed: 'the same, for bit-for-bit identical results',
        next: `use ${optionsOf(saved.placement, executor.placement)}, or --allow-different-placement`,
      });
    }
    request.onEvent?.({
      kind: 'warning',
      message: `resumed with ${difference}: results will not be bit-for-bit identical to an uninterrupted run`,
    });
  }
  await read((values) => executor.distribute(values));
  request.onEvent?.({ kind: 'resumed', step });
}
