import type { Checkpoint } from '../checkpoint/checkpoints.js';
import type { Journal } from '../checkpoint/journal.js';
import { Run } from '../checkpoint/run.js';
import { requireFree } from '../checkpoint/run-files.js';
import type { RunLock } from '../checkpoint/run-lock.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import type { Corpus } from '../data/corpus.js';
import { readPassages, type TextSource } from '../data/documents.js';
import { isText, readPairs } from '../data/sources.js';
import { createModel } from '../models/create.js';
import type { Model } from '../models/model.js';
import { InitialValues } from '../nn/parameters.js';
import { type Configuration, originOf } from './configuration.js';
import { openCorpora } from './corpora.js';
import type { TrainingEvent } from './events.js';
import type { Executor } from './executor.js';
import { updateRuleOf } from './options.js';
import {
  corpusFingerprint,
  optionsOf,
  parseProgress,
  placementDifference,
  TrainingProgress,
  requireSameCorpus,
  type SavedProgress,
} from './progress.js';
import { type ExecutorSetup, isAbort, type TrainingContext, type TrainRequest } from './request.js';
import { newModel, openRun } from './run-making.js';
import { requireDropout, requireRoom, warnOfOptionsWithoutEffect } from './suitability.js';
import { Validation } from './validation.js';
import { VariedSegmentation } from './varied-segmentation.js';

/** Everything that the loop works with. */
export interface Prepared {
  readonly configuration: Configuration;
  readonly run: Run;
  readonly model: Model;
  readonly corpus: Corpus;
  readonly segmentation: VariedSegmentation | undefined;
  readonly identity: Pick<SavedProgress, 'corpus' | 'dev'>;
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
  configuration: Configuration,
  { out, resume, amongOthers }: TrainRequest,
): Promise<void> {
  const { data, model } = configuration;
  if (resume) {
    await Run.open(files, out);
    return;
  }
  await requireFree(files, out, { amongOthers });
  for (const source of [data.train, data.dev]) {
    if (source === undefined || 'generator' in source) continue;
    if (isText(source)) await requireFiles(files, source);
    else for await (const _pair of readPairs(files, source)) break;
  }
  // Options that cannot be together are refused before a corpus is read.
  const source = isText(data.train) ? undefined : smallestVocabulary;
  requireDropout(createModel(model, { source, target: smallestVocabulary }), configuration);
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
    const { run, configuration } = await openRun(files, given, request);
    await lock.enter();
    const tokenizers = await run.tokenizersOf(originOf(configuration));
    const { data, training } = configuration;
    const model = newModel(configuration, tokenizers);
    const { corpus, dev } = await openCorpora(files, { configuration, run, tokenizers, model }, request, closers);
    warnOfOptionsWithoutEffect(configuration, model, emit);
    requireRoom(model, corpus, 'data.train');
    if (dev !== undefined && dev.text === undefined) requireRoom(model, dev, 'data.dev');
    const { seed, precision, parallel } = training;
    const checkpoint = request.resume ? await latestCheckpoint(run, request) : undefined;
    const { placement } = checkpoint?.saved ?? {};
    const warn = (message: string) => emit({ kind: 'warning', message });
    const batch = usualBatch(corpus, training.batch);
    const { lengthLimits } = model;
    const segmentation = VariedSegmentation.of({ tokenizers, probability: training.mergeDropout ?? 0, seed, lengthLimits });
    const executor = await context.openExecutor({
      model,
      modelOptions: configuration.model,
      rule: updateRuleOf(training),
      parallel,
      batch,
      precision,
      placement,
      warn,
    });
    closers.push(() => executor.dispose());
    emit({ kind: 'model', parameters: model.parameters.count, placement: executor.placement });

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
            warn,
          });
    const identity = { corpus: await corpusFingerprint(corpus), dev: dev?.key };
    let progress = new TrainingProgress();
    if (checkpoint !== undefined) {
      const { step, saved } = checkpoint;
      await requireSameCorpus(saved.corpus, corpus, run.path);
      const isOtherDev = saved.dev !== undefined && dev !== undefined && saved.dev !== dev.key;
      const judged = isOtherDev && validation !== undefined ? await judgeAgain(saved, { run, executor, validation, warn, signal }) : {};
      await restore(checkpoint, run, executor, request);
      progress = TrainingProgress.restored(step, { ...saved, ...judged });
    } else {
      // Without a checkpoint, a model can only be the one that the run was made from.
      if (await run.hasModel()) await run.restoreModel((parameters) => executor.distribute({ parameters }));
      else await executor.distribute({ parameters: new InitialValues(model.parameters, seed) });
    }
    const saved = checkpoint?.saved;
    const metrics = await run.journal('metrics.jsonl', saved?.metricsBytes ?? 0);
    closers.push(() => metrics.close());
    const log = await run.journal('train.log', saved?.logBytes ?? 0);
    closers.push(() => log.close());
    const opened = { run, model, corpus, segmentation, identity, validation, executor, progress, metrics, log };
    return { configuration, ...opened, isRestored: checkpoint !== undefined, close };
  } catch (error) {
    await close();
    if (isAbort(error, signal)) return undefined;
    throw error;
  }
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

/** The best model so far, on another dev corpus than the one that it was found on: what comes is compared with that. */
async function judgeAgain(
  { best }: SavedProgress,
  {
    run,
    executor,
    validation,
    warn,
    signal,
  }: Pick<Prepared, 'run' | 'executor'> & {
    readonly validation: Validation;
    readonly warn: (message: string) => void;
    readonly signal: AbortSignal | undefined;
  },
): Promise<Partial<SavedProgress>> {
  const changed = 'data.dev is not the corpus that the run was validated on: figures before and after are not to be compared';
  if (best === null || !(await run.hasModel())) {
    warn(changed);
    return {};
  }
  await run.restoreModel((parameters) => executor.distribute({ parameters }));
  const metadata = await run.modelMetadata();
  const figures = await validation.figures(executor, signal);
  // What stands beside the model is what later models, and averages, are compared with.
  await run.saveModel((await executor.collect()).parameters, { ...metadata, ...figures });
  const value = figures[validation.decisive] ?? Number.NaN;
  const step = Number(metadata?.step ?? best.step);
  const before = Number(metadata?.[validation.decisive] ?? best.value);
  const figure = (of: number) => of.toPrecision(4);
  warn(`${changed}; the best model, of update ${step}, has ${validation.decisive} ${figure(value)} on it (${figure(before)} before)`);
  return { best: Number.isFinite(value) ? { metric: validation.decisive, value, step } : null, stalled: 0 };
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
