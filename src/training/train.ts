import { isUnbegun, removeRun } from '../checkpoint/run-files.js';
import { RunLock } from '../checkpoint/run-lock.js';
import { DecadeError } from '../core/errors.js';
import { type EpochPlan, planEpoch } from '../data/batches.js';
import { describeCorpus } from '../data/corpus.js';
import { turns } from '../core/event-loop.js';
import { isCounted } from '../models/create.js';
import type { Configuration } from './configuration.js';
import { count } from './count.js';
import { Deadline } from './deadline.js';
import { divergenceError } from './divergence.js';
import {
  nothingDone,
  type Report,
  reportLine,
  type StopReason,
  type TrainingEvent,
  type TrainingSummary,
  type ValidationFigures,
  validationLine,
} from './events.js';
import { deviceCount, pins, type UpdateResult } from './executor.js';
import { isDue, type Position } from './interval.js';
import { type Prepared, prepare, requirePossible } from './prepare.js';
import type { TrainingProgress } from './progress.js';
import { isAbort, type TrainingContext, type TrainRequest } from './request.js';
import { learningRateOf } from './schedule.js';

export type { ExecutorSetup, TrainingContext, TrainRequest } from './request.js';

/**
 * Trains a model into a run directory: tokenizers, tokenized corpora, then epochs of updates with reports, validations
 * and checkpoints, until it is stopped, reaches its limit or no longer improves. A model without gradients is counted instead.
 *
 * Throws a `DecadeError`: `usage` for a directory that is in use, or a changed configuration on resume, `input` for
 * unusable corpora and runs, `numeric` for a loss that is no longer finite, `resource` for a full disk or lost devices.
 * In every case the last checkpoint is kept.
 */
export async function train(context: TrainingContext, configuration: Configuration, request: TrainRequest): Promise<TrainingSummary> {
  const { out, onEvent } = request;
  await requirePossible(context, configuration, request);
  const warn = (message: string) => onEvent?.({ kind: 'warning', message });
  const lock = request.lock ?? (await RunLock.take(context.files, out, warn));
  try {
    if (isCounted(configuration.model)) {
      if (request.saveBefore !== undefined) warn('saveBefore has no effect: a model that is counted has no checkpoints');
      return await count(context, configuration, request, lock);
    }
    return await trainBefore(request.saveBefore, request, async (limited, deadline) => {
      const prepared = await prepare(context, configuration, limited, lock);
      if (prepared === undefined) return nothingDone(out);
      try {
        return await new Loop(prepared, limited, deadline).run();
      } finally {
        await prepared.close();
      }
    });
  } catch (error) {
    // A start that failed leaves nothing in the way of the next.
    if (!request.resume && (await isUnbegun(context.files, out))) await lock.leave().then(() => removeRun(context.files, out));
    throw error;
  } finally {
    if (lock !== request.lock) await lock.release();
  }
}

/** Trains with a request whose signal aborts when the time comes, too. */
async function trainBefore(
  time: Date | undefined,
  request: TrainRequest,
  work: (request: TrainRequest, deadline: Deadline | undefined) => Promise<TrainingSummary>,
): Promise<TrainingSummary> {
  if (time === undefined) return work(request, undefined);
  const deadline = new Deadline(time, request.signal);
  try {
    return await work({ ...request, signal: deadline.signal }, deadline);
  } finally {
    deadline.end();
  }
}

/** Decay of past updates in the displayed speed. */
const speedDecay = 0.9;

class Loop {
  readonly #prepared: Prepared;
  readonly #request: TrainRequest;
  readonly #deadline: Deadline | undefined;
  readonly #training: Configuration['training'];
  readonly #progress: TrainingProgress;
  #plan: { epoch: number; plan: EpochPlan } | undefined;
  #recent = { tokens: 0, seconds: 0 };
  #session = { seconds: 0, fraction: 0 };
  /** Lets signals and timers be handled, since updates never wait. */
  readonly #turn = turns();

  constructor(prepared: Prepared, request: TrainRequest, deadline: Deadline | undefined) {
    this.#prepared = prepared;
    this.#request = request;
    this.#deadline = deadline;
    deadline?.expectCheckpoint(prepared.model.parameters.count);
    this.#training = prepared.configuration.training;
    this.#progress = prepared.progress;
    this.#session.fraction = this.#fraction(this.#progress.position);
  }

  async run(): Promise<TrainingSummary> {
    const { run, model, corpus, executor, isRestored } = this.#prepared;
    const { gemm, precision, ranks } = executor.placement;
    const devices = deviceCount(executor.placement);
    const ofRanks = ranks === undefined ? '' : ` of ${ranks.length} ranks`;
    const on = `${gemm} in ${precision} on ${devices} ${devices === 1 ? 'device' : 'devices'}${ofRanks}`;
    const parameters = model.parameters.count.toLocaleString('en-US');
    // The fastest library and the number of cores are another machine's, or the next hour's, own.
    await this.#log(
      `${parameters} parameters, ${on} (for the same bits again: ${pins(executor.placement)}); training corpus: ${describeCorpus(corpus)}`,
    );
    for (const line of executor.description ?? []) await this.#log(line);
    let reason: StopReason | undefined;
    try {
      // From here on there is always a checkpoint, and a disk that cannot hold one is found at once.
      if (isRestored) await run.checkpoints.retain(this.#progress.step, this.#training.checkpoint.keep);
      else await this.#checkpoint();
      if (this.#progress.validationOwed) await this.#validate();
      reason = this.#reasonToEnd();
      if (reason === undefined) await this.#adoptAverage();
      while (reason === undefined) reason = await this.#step();
    } catch (error) {
      // The disk itself may have failed: the first error is the one to report.
      // Whoever called is told by what is thrown.
      if (error instanceof DecadeError) await this.#note(`Stopped: ${error.message}`).catch(() => undefined);
      throw error;
    }
    const interrupted = reason === 'interrupted' || reason === 'time';
    const averaged = interrupted ? undefined : await this.#average();
    const { position, best, seconds } = this.#progress;
    await this.#log(`Training ended (${reason}) : Ep. ${position.epochs.toFixed(2)} : Up. ${position.steps}`);
    return {
      ...position,
      out: this.#request.out,
      reason,
      interrupted,
      best: best ?? undefined,
      averaged,
      parameters: model.parameters.count,
      seconds,
    };
  }

  /** One update and what is due after it. Returns the reason to stop, if any. */
  async #step(): Promise<StopReason | undefined> {
    const { report, validate, checkpoint } = this.#training;
    await this.#turn();
    const before = this.#planned();
    const learningRate = await this.#update(before);
    const after = this.#progress.position;
    const isLast = this.#stopReason() !== undefined;
    if (isLast || isDue(report.every, before, after)) await this.#report(this.#progress.report(learningRate));
    if (validate !== undefined && (isLast || isDue(validate.every, before, after))) await this.#validate();
    const reason = this.#reasonToEnd();
    if (reason !== undefined || isDue(checkpoint.every, before, after)) await this.#checkpoint();
    return reason;
  }

  /** Plans the epoch of the next update; returns the position before it. */
  #planned(): Position {
    const { epoch } = this.#progress;
    if (this.#plan?.epoch !== epoch) {
      const { batch, bucketing, seed } = this.#training;
      this.#plan = { epoch, plan: planEpoch(this.#prepared.corpus.lengths, { size: batch, bucketing }, seed, epoch) };
    }
    this.#progress.batches = this.#plan.plan.batches;
    return this.#progress.position;
  }

  async #update(before: Position): Promise<number> {
    const { corpus, executor, segmentation } = this.#prepared;
    const plan = this.#plan?.plan;
    if (plan === undefined) throw new Error('an update before its epoch was planned');
    const started = performance.now();
    const { batch, epoch, step } = this.#progress;
    const taken = Math.min(this.#training.accumulate, plan.batches - batch);
    const microBatches = [];
    for (let next = batch; next < batch + taken; next++) {
      const pairs = await corpus.read(plan.sentences(next));
      microBatches.push(segmentation?.vary(pairs, epoch) ?? pairs);
    }
    const after = { steps: step + 1, epochs: epoch + (batch + taken) / plan.batches };
    const learningRate = learningRateOf(this.#training.schedule, this.#training.optimizer.learningRate, before, after);
    const result = await executor.update(microBatches, { update: step + 1, learningRate });
    if (!result.finite) throw await this.#notFinite(result, learningRate);
    const seconds = (performance.now() - started) / 1000;
    this.#deadline?.note('update', 1_000 * seconds);
    this.#progress.add(result, taken, seconds);
    this.#tell(result, learningRate, seconds);
    return learningRate;
  }

  #tell(result: UpdateResult, learningRate: number, seconds: number): void {
    const { position } = this.#progress;
    const fraction = this.#fraction(position);
    this.#session.seconds += seconds;
    this.#recent.tokens = this.#recent.tokens * speedDecay + result.sourceTokens + result.targetTokens;
    this.#recent.seconds = this.#recent.seconds * speedDecay + seconds;
    this.#emit({
      kind: 'update',
      ...position,
      loss: result.loss / result.targetTokens,
      learningRate,
      gradientNorm: result.gradientNorm,
      wordsPerSecond: this.#recent.tokens / this.#recent.seconds,
      fraction,
      remainingSeconds: (this.#session.seconds * (1 - fraction)) / (fraction - this.#session.fraction),
    });
  }

  async #notFinite({ loss, targetTokens, gradientNorm }: UpdateResult, learningRate: number): Promise<DecadeError> {
    const { run, configuration, model } = this.#prepared;
    const divergence = {
      update: this.#progress.step + 1,
      loss: loss / targetTokens,
      gradientNorm,
      learningRate,
      path: run.path,
      checkpoint: (await run.checkpoints.steps()).at(-1),
      hasModel: await run.hasModel(),
      init: this.#request.init,
      calmerStart: model.summary.calmerStart,
    };
    return divergenceError(divergence, configuration);
  }

  /** Fraction of the training that is done, by the nearer limit. */
  #fraction({ steps, epochs }: Position): number {
    const { stop } = this.#training;
    return Math.min(1, Math.max(stop.steps === undefined ? 0 : steps / stop.steps, stop.epochs === undefined ? 0 : epochs / stop.epochs));
  }

  #reasonToEnd(): StopReason | undefined {
    const interruption = this.#deadline?.hasCome ? 'time' : 'interrupted';
    if (this.#progress.validationOwed) return interruption;
    return this.#stopReason() ?? (this.#request.signal?.aborted ? interruption : undefined);
  }

  #stopReason(): Exclude<StopReason, 'interrupted' | 'time'> | undefined {
    const { stop, validate } = this.#training;
    const { position, stalled } = this.#progress;
    if (stop.steps !== undefined && position.steps >= stop.steps) return 'steps';
    if (stop.epochs !== undefined && position.epochs >= stop.epochs - 1e-9) return 'epochs';
    return validate?.patience !== undefined && stalled >= validate.patience ? 'patience' : undefined;
  }

  async #report(report: Report): Promise<void> {
    await this.#prepared.metrics.writeLine(JSON.stringify({ kind: 'report', ...report }));
    this.#emit({ kind: 'report', report });
    await this.#log(reportLine(report));
  }

  /** Validates the model if there is a dev corpus; if the signal aborts meanwhile, the validation remains due. */
  async #validate(): Promise<void> {
    const { validation, executor } = this.#prepared;
    if (validation === undefined) return;
    const progress = this.#progress;
    const { position } = progress;
    const { signal } = this.#request;
    this.#emit({ kind: 'validating', step: progress.step });
    progress.validationOwed = true;
    let figures: ValidationFigures;
    try {
      figures = await validation.figures(executor, signal);
    } catch (error) {
      if (isAbort(error, signal)) return;
      // What was learnt is not lost with it, and resuming validates again. Parameters that are no numbers would push out good ones.
      if (!(error instanceof DecadeError && error.kind === 'numeric')) await this.#checkpoint().catch(() => undefined);
      throw error;
    }
    progress.validationOwed = false;
    const value = figures[validation.decisive] ?? Number.NaN;
    if (validation.isBetter(value, progress.best?.value)) {
      progress.best = { metric: validation.decisive, value, step: progress.step };
      progress.stalled = 0;
      await this.#saveModel(figures);
    } else {
      progress.stalled++;
    }
    const best = progress.best ?? { metric: validation.decisive, value, step: progress.step };
    const { stalled } = progress;
    await this.#prepared.metrics.writeLine(JSON.stringify({ kind: 'validation', ...position, ...figures, best, stalled }));
    this.#emit({ kind: 'validation', step: progress.step, figures, best, stalled });
    await this.#log(validationLine(position, figures, best, stalled));
  }

  async #saveModel(figures: ValidationFigures | undefined, averaged?: readonly number[]): Promise<void> {
    const { steps, epochs } = this.#progress.position;
    const metadata = { step: steps, epoch: epochs, ...figures, ...(averaged && { averaged: averaged.join(' ') }) };
    const { parameters } = await this.#prepared.executor.collect();
    await this.#prepared.run.saveModel(parameters, metadata);
  }

  async #checkpoint(): Promise<void> {
    const started = performance.now();
    const { run, executor, metrics, log, identity } = this.#prepared;
    const { step, best } = this.#progress;
    // Until a validation says which model is best, it is the last one.
    if (best === null && step > 0) await this.#saveModel(undefined);
    await metrics.sync();
    await log.sync();
    const progress = this.#progress.saved({
      metricsBytes: metrics.length,
      logBytes: log.length,
      placement: executor.placement,
      ...identity,
    });
    await run.checkpoints.save({ step, ...(await executor.collect()), progress }, this.#training.checkpoint.keep);
    this.#deadline?.note('checkpoint', performance.now() - started);
    this.#emit({ kind: 'checkpoint', step });
  }

  /** Saves the mean of the last checkpoints as the model if it is better; returns their steps in that case. */
  async #average(): Promise<readonly number[] | undefined> {
    const { run, executor, validation } = this.#prepared;
    const { average } = this.#training.checkpoint;
    if (average === undefined) return undefined;
    // What a run began with is no result of it.
    const steps = (await run.checkpoints.steps()).filter((step) => step > 0).slice(-average);
    if (steps.length < 2) return undefined;
    await run.checkpoints.average(steps, (parameters) => executor.distribute({ parameters }));
    let figures: ValidationFigures | undefined;
    try {
      figures = await validation?.figures(executor, this.#request.signal);
    } catch (error) {
      // All else is saved; resuming the finished run tries again.
      if (isAbort(error, this.#request.signal)) return undefined;
      throw error;
    }
    const kept = figures === undefined || validation?.isBetter(figures[validation.decisive], this.#progress.best?.value) === true;
    if (kept) await this.#saveModel(figures, steps);
    this.#emit({ kind: 'average', steps, figures, kept });
    const scores =
      figures === undefined
        ? 'not validated'
        : Object.entries(figures)
            .map(([name, value]) => `${name} ${value.toFixed(3)}`)
            .join(' : ');
    await this.#log(
      `Average of checkpoints ${steps.join(', ')} : ${scores} : ${kept ? 'kept as the model' : 'not better than the best, left out'}`,
    );
    return kept ? steps : undefined;
  }

  /** If a run continues past an end whose average was the best, a new model must be better than the average. */
  async #adoptAverage(): Promise<void> {
    const { run, validation } = this.#prepared;
    const metadata = validation === undefined ? undefined : await run.modelMetadata();
    const value = Number(metadata?.[validation?.decisive ?? '']);
    if (metadata?.averaged === undefined || validation === undefined || !validation.isBetter(value, this.#progress.best?.value)) return;
    this.#progress.best = { metric: validation.decisive, value, step: Number(metadata.step) };
  }

  async #log(line: string): Promise<void> {
    this.#emit({ kind: 'log', line });
    await this.#note(line);
  }

  async #note(line: string): Promise<void> {
    await this.#prepared.log.writeLine(`[${new Date().toISOString().slice(0, 19).replace('T', ' ')}] ${line}`);
  }

  #emit(event: TrainingEvent): void {
    this.#request.onEvent?.(event);
  }
}
