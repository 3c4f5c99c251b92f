import * as z from 'zod';
import { modelOf } from '../analysis/cost/estimate.js';
import { unigramPerplexity } from '../analysis/examination/unigram.js';
import { Run } from '../checkpoint/run.js';
import { removeCheckpoints, removeRun } from '../checkpoint/run-files.js';
import { RunLock } from '../checkpoint/run-lock.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { contentHash } from '../data/content-hash.js';
import { type Corpus, openCorpus } from '../data/corpus.js';
import { type CorpusSource, readPairs } from '../data/sources.js';
import type { Runtime } from '../parallel/runtime.js';
import { train } from '../parallel/train.js';
import type { Configuration } from '../training/configuration.js';
import type { TrainingEvent } from '../training/events.js';
import { hashOf, Kept } from './kept.js';
import { type NamedRun, Outputs, type Sentences, type UsingEvent } from './outputs.js';

export interface LaboratoryOptions {
  /** The directory that all experiments share. */
  readonly out: string;
  readonly devices?: number | undefined;
  readonly gemm?: string | undefined;
  /** Saves and ends: what was begun goes on the next time. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: LaboratoryEvent) => void) | undefined;
}

export type LaboratoryEvent =
  | { readonly kind: 'training'; readonly run: string; readonly event: TrainingEvent }
  | { readonly kind: 'trained'; readonly run: TrainedRun; readonly skipped: boolean }
  | UsingEvent;

const result = z.object({
  /** On the dev corpus, of the best model; infinite (null in JSON) when there is none. */
  perplexity: z
    .number()
    .nullable()
    .transform((value) => value ?? Number.POSITIVE_INFINITY),
  parameters: z.number(),
  steps: z.number(),
  epochs: z.number(),
  /** Spent on updates. */
  seconds: z.number(),
  /** Source and target tokens; of the last session when there were several. */
  wordsPerSecond: z.number(),
  /** Why there is nothing to go on with: numbers that grew until they were none. There may be no model then. */
  diverged: z.string().optional(),
});

/** A training that is over. */
export interface TrainedRun extends z.output<typeof result>, NamedRun {
  readonly configuration: Configuration;
}

const resultFile = 'result.json';

/**
 * Where experiments train and translate. What is done is named by all that decides it (configuration, contents of the corpora,
 * search), so that experiments share it, nothing is done twice, and an experiment that was interrupted goes on:
 *
 *     out/runs/NAME/          run directories, each with result.json when it is over
 *     out/corpora/            tokenized corpora
 *     out/translations/       what runs made of a test set
 *     out/nbest/              n-best lists
 *     out/scores/             what runs made of the hypotheses of a list, a few thousand a file
 */
export class Laboratory {
  readonly runtime: Runtime;
  readonly options: LaboratoryOptions;
  /** What is done with what was trained. */
  readonly outputs: Outputs;
  readonly #kept: Kept;
  readonly #hashes = new Map<string, Promise<string>>();

  constructor(runtime: Runtime, options: LaboratoryOptions) {
    this.runtime = runtime;
    this.options = options;
    this.#kept = new Kept(runtime.files, options.out);
    this.outputs = new Outputs(runtime, options, this.#kept);
  }

  get #files(): Files {
    return this.runtime.files;
  }

  /** `reversed-2x256-seed1-1f0c9a…`: what people tell runs apart by, and the hash of everything else. */
  async nameOf(configuration: Configuration): Promise<string> {
    const { training, data } = configuration;
    const { train: trained, dev, ...rest } = data;
    const corpora = await Promise.all([trained, dev].map((source) => (source === undefined ? '' : this.#contents(source))));
    const hash = await hashOf([JSON.stringify({ ...configuration, data: rest }), ...corpora]);
    return `${modelOf(configuration).summary.runName}-seed${training.seed}-${hash.slice(0, 10)}`;
  }

  /** How far a training is. */
  async stateOf(configuration: Configuration): Promise<'done' | 'begun' | 'new'> {
    if ((await this.find(configuration)) !== undefined) return 'done';
    const names = await this.#files.list(this.#path('runs', await this.nameOf(configuration)));
    // With a result that cannot be read there are no checkpoints to go on from.
    return names.includes('config.yaml') && !names.includes(resultFile) ? 'begun' : 'new';
  }

  /** What a training that is over came to; undefined when it is not. */
  async find(configuration: Configuration): Promise<TrainedRun | undefined> {
    const name = await this.nameOf(configuration);
    const path = this.#path('runs', name);
    const found = await this.#kept.read(joinPath(path, resultFile), result);
    return found === undefined ? undefined : { ...found, name, path, configuration };
  }

  /** Trains, or goes on where a training was interrupted; at once when it is over. Throws the signal's reason. */
  async train(configuration: Configuration): Promise<TrainedRun> {
    const found = await this.find(configuration);
    const run = found ?? (await this.#trainAlone(configuration));
    this.options.onEvent?.({ kind: 'trained', run, skipped: run === found });
    return run;
  }

  async #trainAlone(configuration: Configuration): Promise<TrainedRun> {
    const name = await this.nameOf(configuration);
    const warn = (message: string) => this.options.onEvent?.({ kind: 'training', run: name, event: { kind: 'warning', message } });
    const lock = await RunLock.take(this.#files, this.#path('runs', name), warn);
    try {
      // Another process may have come to the training's end meanwhile.
      return (await this.find(configuration)) ?? (await this.#trainLocked(configuration, name, lock));
    } finally {
      await lock.release();
    }
  }

  async #trainLocked(configuration: Configuration, name: string, lock: RunLock): Promise<TrainedRun> {
    const { devices, gemm, signal, onEvent } = this.options;
    const path = this.#path('runs', name);
    const isBegun = (await this.stateOf(configuration)) === 'begun';
    if (!isBegun && (await this.#files.kind(path)) === 'directory') {
      await lock.leave();
      await removeRun(this.#files, path);
      await this.#files.remove(joinPath(path, resultFile));
    }
    let [words, seconds] = [0, 0];
    const reachedBy = { parameters: 0, steps: 0, epochs: 0 };
    const training = train(this.runtime, configuration, {
      out: path,
      resume: isBegun,
      amongOthers: true,
      allowDifferentPlacement: true,
      cache: this.#path('corpora'),
      lock,
      devices,
      gemm,
      signal,
      onEvent: (event) => {
        if (event.kind === 'model') reachedBy.parameters = event.parameters;
        if (event.kind === 'update') Object.assign(reachedBy, { steps: event.steps, epochs: event.epochs });
        if (event.kind === 'report') {
          words += event.report.wordsPerSecond * event.report.seconds;
          seconds += event.report.seconds;
        }
        onEvent?.({ kind: 'training', run: name, event });
      },
    });
    const wordsPerSecond = () => (seconds === 0 ? 0 : words / seconds);
    const reached = await training.then(
      ({ best, parameters, steps, epochs, seconds }) => ({
        perplexity: best?.value ?? Number.POSITIVE_INFINITY,
        parameters,
        steps,
        epochs,
        seconds,
      }),
      (error: unknown) => {
        // It would come to the same again: that it diverged is its result.
        if (!(error instanceof DecadeError && error.kind === 'numeric')) throw error;
        return { ...reachedBy, perplexity: Number.POSITIVE_INFINITY, seconds, diverged: `${error.parts.where}: ${error.parts.received}` };
      },
    );
    signal?.throwIfAborted();
    await this.#kept.write(path, resultFile, { ...reached, wordsPerSecond: wordsPerSecond() });
    // A training that is over is not resumed, and many of them fill a disk.
    await removeCheckpoints(this.#files, path);
    return { ...reached, wordsPerSecond: wordsPerSecond(), name, path, configuration };
  }

  /** What a run was trained on or validated on, as its token ids; to be closed. */
  async corpus({ path, configuration: { data } }: TrainedRun, part: 'train' | 'dev'): Promise<Corpus> {
    const tokenizers = await (await Run.open(this.#files, path)).tokenizers();
    return openCorpus({
      files: this.#files,
      source: (part === 'dev' ? data.dev : undefined) ?? data.train,
      sourceTokenizer: tokenizers.source,
      targetTokenizer: tokenizers.target,
      filter: { maximumLength: data.maximumLength, maximumRatio: data.maximumRatio, balancedUpTo: data.balancedUpTo },
      cache: { files: this.#files, directory: this.#path('corpora') },
      ...(this.options.signal && { signal: this.options.signal }),
    });
  }

  /** Dev perplexity of a unigram model of the target, counted on the training corpus: what any training must beat. */
  async unigramPerplexity(run: TrainedRun): Promise<number> {
    const tokenizers = await (await Run.open(this.#files, run.path)).tokenizers();
    const trained = await this.corpus(run, 'train');
    try {
      const dev = await this.corpus(run, 'dev');
      try {
        return await unigramPerplexity(trained, dev, tokenizers.target.size, { signal: this.options.signal });
      } finally {
        await dev.close();
      }
    } finally {
      await trained.close();
    }
  }

  /** All pairs of a corpus that can be used. */
  async sentences(source: CorpusSource, name: string): Promise<Sentences> {
    const [sources, references]: [string[], string[]] = [[], []];
    for await (const pair of readPairs(this.#files, source)) {
      if ('unusable' in pair) continue;
      sources.push(pair.source);
      references.push(pair.target);
    }
    return { name, sources, references };
  }

  #contents(source: CorpusSource): Promise<string> {
    const key = JSON.stringify(source);
    const known = this.#hashes.get(key);
    if (known !== undefined) return known;
    const hashed =
      'generator' in source
        ? Promise.resolve(key)
        : Promise.all(
            ('tsv' in source ? [source.tsv] : [source.source, source.target]).map((path) => contentHash(this.#files.stream(path))),
          ).then((hashes) => hashes.join(' '));
    this.#hashes.set(key, hashed);
    return hashed;
  }

  #path(...names: string[]): string {
    return joinPath(this.options.out, ...names);
  }
}
