import type { Tokenizers } from '../checkpoint/model-files.js';
import { Run } from '../checkpoint/run.js';
import { cacheDirectory, isUnbegun, removeLeftovers } from '../checkpoint/run-files.js';
import type { RunLock } from '../checkpoint/run-lock.js';
import { DecadeError } from '../core/errors.js';
import { type Corpus, describeCorpus } from '../data/corpus.js';
import { LocalDecodingExecutor } from '../decoding/local-executor.js';
import type { Counting, CountingControl } from '../models/counting.js';
import { createCounting, createModel, type ModelOptions } from '../models/create.js';
import { vocabularySizes } from '../models/model.js';
import { PlacedValues } from '../tensor/named-values.js';
import { type Configuration, originOf } from './configuration.js';
import { requireResumable } from './configuration-changes.js';
import { openCorpora } from './corpora.js';
import { type BestValidation, nothingDone, type TrainingSummary, type ValidationFigures, validationLine } from './events.js';
import type { ValidationMetric } from './options.js';
import { isAbort, type TrainingContext, type TrainRequest } from './request.js';
import { describeRun } from './run-description.js';
import { type ConfiguredRun, configurationOfRun, openRun } from './run-making.js';
import { warnOfOptionsWithoutEffect } from './suitability.js';
import { tune } from './tune.js';
import { Validation } from './validation.js';

/** Contexts that are read at once. */
const contextsRead = 1_024;
/** One reading, and no update. */
const position = { steps: 0, epochs: 1 };

/**
 * Trains a model that learns by counting: one reading of the corpus, a validation, and the run is whole. What was interrupted is no
 * run yet: the next training, with `resume` or without, counts again from the start.
 *
 * Throws as `train`.
 */
export async function count(
  context: TrainingContext,
  given: Configuration,
  request: TrainRequest,
  lock: RunLock,
): Promise<TrainingSummary> {
  const { files } = context;
  const { out, resume, init, signal } = request;
  if (init !== undefined) throw countsFromNothing(init);
  const closers: (() => Promise<void>)[] = [];
  try {
    if (resume && !(await isUnbegun(files, out))) return await finished(await Run.open(files, out), given);
    const opened = await openRun(files, given, request);
    await lock.enter();
    // Nobody else writes there. What others left in a shared cache is removed a day later.
    if (request.cache === undefined) await removeLeftovers(files, opened.run.fileAt(cacheDirectory));
    return await countInto(opened, context, request, closers);
  } catch (error) {
    if (isAbort(error, signal)) return nothingDone(out);
    throw error;
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function countInto(
  { run, configuration }: ConfiguredRun,
  { files, openDevice }: TrainingContext,
  request: TrainRequest,
  closers: (() => Promise<void>)[],
): Promise<TrainingSummary> {
  const { out, cache, signal, onEvent } = request;
  const started = performance.now();
  const warn = (message: string) => onEvent?.({ kind: 'warning', message });
  const tokenizers = await run.tokenizersOf(originOf(configuration));
  const vocabularies = vocabularySizes(tokenizers);
  const spill = { files, directory: cache ?? run.fileAt(cacheDirectory) };
  const counting = createCounting(configuration.model, vocabularies, spill);
  if (counting === undefined) throw new Error('a model that learns by gradients');
  closers.push(() => counting.dispose());
  const uncounted = createModel(configuration.model, vocabularies);
  warnOfOptionsWithoutEffect(configuration, uncounted, (event) => onEvent?.(event));
  const { corpus, dev } = await openCorpora(files, { run, configuration, tokenizers, model: uncounted }, request, closers);
  await readInto(counting, corpus, request);
  const control: CountingControl = { signal, onStage: (stage, fraction) => onEvent?.({ kind: 'counting', stage, fraction }) };
  const { options, parameters, description } = await counting.finish(control);

  const model = createModel(options, vocabularies);
  const device = await openDevice(model.parameters);
  closers.push(async () => device.matrix.dispose());
  model.parameters.allocate(device.memory);
  const placed = PlacedValues.of(model.parameters);
  await placed.fill(parameters);

  const log = await run.journal('train.log', 0);
  closers.push(() => log.close());
  const note = async (line: string) => {
    onEvent?.({ kind: 'log', line });
    await log.writeLine(`[${new Date().toISOString().slice(0, 19).replace('T', ' ')}] ${line}`);
  };
  await note(`${description}; training corpus: ${describeCorpus(corpus)}`);
  let validated: { readonly figures: ValidationFigures; readonly best: BestValidation } | undefined;
  if (dev === undefined) {
    if (model.sentenceSearch !== undefined) warn('without data.dev the weights of the model are not tuned: it translates worse');
  } else {
    const decoding = LocalDecodingExecutor.of(device, [model]);
    closers.push(() => decoding.dispose());
    const { validation, metric } = await openValidation({ files, configuration, tokenizers, dev, warn });
    if (model.sentenceSearch !== undefined) {
      const lines = validation.translatedText;
      await tune(
        model.sentenceSearch,
        validation.translator(decoding, model),
        { ...lines, metric, seed: configuration.training.seed },
        { ...control, note },
      );
    }
    onEvent?.({ kind: 'validating', step: position.steps });
    const figures = await (dev.text === undefined
      ? validation.figuresOfTranslations(decoding, signal, model)
      : validation.figuresOfText(decoding, signal));
    validated = { figures, best: { metric, value: figures[metric] ?? Number.NaN, step: position.steps } };
    onEvent?.({ kind: 'validation', step: position.steps, ...validated, stalled: 0 });
    await note(validationLine(position, validated.figures, validated.best, 0));
    const metrics = await run.journal('metrics.jsonl', 0);
    closers.push(() => metrics.close());
    await metrics.writeLine(JSON.stringify({ kind: 'validation', ...position, ...validated.figures, best: validated.best, stalled: 0 }));
  }
  await run.complete({ ...originOf(configuration), options }, placed, validated?.figures ?? {});
  return {
    ...{ out, ...position, reason: 'epochs', interrupted: false, best: validated?.best, averaged: undefined },
    ...{ parameters: model.parameters.count, seconds: (performance.now() - started) / 1000 },
  };
}

/** Judges a text by its perplexity, pairs by how they are translated: by BLEU unless another metric was asked for. */
async function openValidation({
  files,
  configuration,
  tokenizers,
  dev,
  warn,
}: {
  readonly files: TrainingContext['files'];
  readonly configuration: Configuration;
  readonly tokenizers: Tokenizers;
  readonly dev: Corpus;
  readonly warn: (message: string) => void;
}): Promise<{ readonly validation: Validation; readonly metric: ValidationMetric }> {
  const { data, training } = configuration;
  if (data.dev === undefined || training.validate === undefined) throw new Error('nothing to validate on');
  const translated = training.validate.metrics.filter((metric) => metric !== 'perplexity');
  const metrics: ValidationMetric[] = dev.text !== undefined ? ['perplexity'] : translated.length === 0 ? ['bleu'] : translated;
  const options = { ...training.validate, metrics };
  const validation = await Validation.open({ options, batching: training, corpus: dev, files, source: data.dev, tokenizers, warn });
  return { validation, metric: validation.decisive };
}

async function readInto(counting: Counting<ModelOptions>, corpus: Corpus, { signal, onEvent }: TrainRequest): Promise<void> {
  for (let first = 0; first < corpus.pairs; first += contextsRead) {
    onEvent?.({ kind: 'counting', fraction: first / corpus.pairs });
    const numbers = Array.from({ length: Math.min(contextsRead, corpus.pairs - first) }, (_, index) => first + index);
    for (const context of await corpus.read(numbers)) {
      signal?.throwIfAborted();
      await counting.add(context);
    }
  }
}

/** What a run that is whole has come to; throws `usage` for a configuration of another. */
async function finished(run: Run, given: Configuration): Promise<TrainingSummary> {
  requireResumable(await configurationOfRun(run), given, run.path);
  const [[metric, value] = []] = Object.entries((await run.modelMetadata()) ?? {});
  const best = metric === undefined ? undefined : { metric, value: Number(value), step: position.steps };
  const { model, vocabularies } = await describeRun(run.files, run.path);
  const parameters = createModel(model, vocabularies).parameters.count;
  return { ...nothingDone(run.path), ...position, reason: 'epochs', interrupted: false, best, parameters };
}

function countsFromNothing(init: string): DecadeError {
  return new DecadeError('usage', {
    where: `--init ${init}`,
    received: 'a beginning for a model that is counted',
    allowed: 'none: it is counted from the text alone',
    next: 'leave --init out; with the tokenizer and the text of another run it has the same vocabulary',
  });
}
