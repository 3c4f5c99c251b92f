import { z } from 'zod';
import type { RescoreOptions, Rescoring } from '../analysis/rescoring/rescore.js';
import type { NbestList } from '../analysis/rescoring/rescoring.js';
import { type LoadedModel, load, train } from '../api.js';
import { RunLock } from '../checkpoint/run-lock.js';
import { replaceFile, writeTextFile } from '../checkpoint/whole-files.js';
import { type Files, joinPath } from '../core/files.js';
import { contentHash } from '../data/content-hash.js';
import { type CorpusSource, readPairs } from '../data/sources.js';
import { formatNbestLine } from '../decoding/nbest.js';
import type { Runtime } from '../parallel/runtime.js';
import type { Configuration } from '../training/configuration.js';
import type { TrainingEvent } from '../training/events.js';

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
  | { readonly kind: 'using'; readonly label: string; readonly runs: readonly string[]; readonly fraction: number };

const result = z.object({
  /** On the dev corpus, of the best model. */
  perplexity: z.number(),
  parameters: z.number(),
  steps: z.number(),
  epochs: z.number(),
  /** Spent on updates. */
  seconds: z.number(),
  /** Source and target tokens; of the last session when there were several. */
  wordsPerSecond: z.number(),
});

/** A training that is over. */
export interface TrainedRun extends z.output<typeof result> {
  readonly name: string;
  readonly path: string;
  readonly configuration: Configuration;
}

const translations = z.object({
  /** From the first line to the last; loading the models is not counted. */
  seconds: z.number(),
  texts: z.array(z.string()),
});

export interface Translations {
  readonly seconds: number;
  readonly texts: readonly string[];
}

/** Sentences with one reference each. */
export interface Sentences {
  readonly name: string;
  readonly sources: readonly string[];
  readonly references: readonly string[];
}

const resultFile = 'result.json';

/**
 * Where experiments train and translate. What is done is named by all that decides it (configuration, contents of the corpora,
 * search), so that experiments share it, nothing is done twice, and an experiment that was interrupted goes on:
 *
 *     out/runs/NAME/          run directories, each with result.json when it is over
 *     out/corpora/            tokenized corpora
 *     out/translations/       what runs made of a test set
 */
export class Laboratory {
  readonly runtime: Runtime;
  readonly options: LaboratoryOptions;
  readonly #hashes = new Map<string, Promise<string>>();

  constructor(runtime: Runtime, options: LaboratoryOptions) {
    this.runtime = runtime;
    this.options = options;
  }

  get #files(): Files {
    return this.runtime.files;
  }

  /** `reversed-2x256-seed1-1f0c9a…`: what people tell runs apart by, and the hash of everything else. */
  async nameOf(configuration: Configuration): Promise<string> {
    const { model, training, data } = configuration;
    const { train: trained, dev, ...rest } = data;
    const corpora = await Promise.all([trained, dev].map((source) => (source === undefined ? '' : this.#contents(source))));
    const hash = await this.#hash([JSON.stringify({ ...configuration, data: rest }), ...corpora]);
    const direction = model.reverseSource ? 'reversed' : 'forward';
    const attention = model.attention === 'none' ? '' : `-${model.attention}`;
    return `${direction}-${model.layers}x${model.hidden}${attention}-seed${training.seed}-${hash.slice(0, 10)}`;
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
    const found = await this.#read(joinPath(path, resultFile), result);
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
    if (!isBegun) await lock.removeRun();
    let [words, seconds] = [0, 0];
    const summary = await train(this.runtime, configuration, {
      out: path,
      resume: isBegun,
      allowDifferentPlacement: true,
      cache: this.#path('corpora'),
      lock,
      devices,
      gemm,
      signal,
      onEvent: (event) => {
        if (event.kind === 'report') {
          words += event.report.wordsPerSecond * event.report.seconds;
          seconds += event.report.seconds;
        }
        onEvent?.({ kind: 'training', run: name, event });
      },
    });
    signal?.throwIfAborted();
    const { best, parameters, steps, epochs } = summary;
    const reached = {
      perplexity: best?.value ?? Number.NaN,
      parameters,
      steps,
      epochs,
      seconds: summary.seconds,
      wordsPerSecond: seconds === 0 ? 0 : words / seconds,
    };
    await this.#write(path, resultFile, reached);
    // A training that is over is not resumed, and many of them fill a disk.
    await this.#files.remove(joinPath(path, 'checkpoints'));
    return { ...reached, name, path, configuration };
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

  /** What runs together make of sentences, or made of them before. */
  async translate(runs: readonly TrainedRun[], sentences: Sentences, beam: number): Promise<Translations> {
    return this.#kept('translations', [...runs.map(({ name }) => name), ...sentences.sources, `beam ${beam}`], translations, async () => {
      const { signal } = this.options;
      const model = await this.open(runs);
      try {
        const start = performance.now();
        const results = await model.translate(sentences.sources, {
          beam,
          ...(signal && { signal }),
          onProgress: ({ lines }) => this.#tell('translating', runs, lines / sentences.sources.length),
        });
        return { seconds: (performance.now() - start) / 1_000, texts: results.map(({ text }) => text) };
      } finally {
        await model.dispose();
      }
    });
  }

  /** The lines of an n-best list of a run, made with a beam as large. */
  async nbest(run: TrainedRun, sentences: Sentences, size: number): Promise<readonly string[]> {
    const key = [run.name, ...sentences.sources, `nbest ${size}`];
    const { lines } = await this.#kept('nbest', key, z.object({ lines: z.array(z.string()) }), async () => {
      const { signal } = this.options;
      const model = await this.open([run]);
      try {
        const lines: string[] = [];
        const results = await model.translate(sentences.sources, {
          beam: size,
          nbest: size,
          ...(signal && { signal }),
          onProgress: (progress) => this.#tell('translating', [run], progress.lines / sentences.sources.length),
        });
        for (const { line, nbest } of results) {
          for (const { text, score, logProbability } of nbest) {
            const features = `logProbability= ${logProbability.toFixed(6)}`;
            lines.push(formatNbestLine(line - 1, { text, features, score, further: [] }));
          }
        }
        return { lines };
      } finally {
        await model.dispose();
      }
    });
    return lines;
  }

  /** How well runs together choose from an n-best list. The sentences go to `onSentence` and are not kept. */
  async rescore(runs: readonly TrainedRun[], list: NbestList, options: RescoreOptions): Promise<Rescoring> {
    const model = await this.open(runs);
    try {
      return await model.rescore(list, {
        ...options,
        signal: this.options.signal,
        onProgress: ({ label, fraction = 0 }) => this.#tell(label, runs, fraction),
        onSentence: options.onSentence ?? (() => undefined),
      });
    } finally {
      await model.dispose();
    }
  }

  /** Opens runs for what is not kept; the caller disposes of the model. */
  open(runs: readonly TrainedRun[]): Promise<LoadedModel> {
    const { devices, gemm } = this.options;
    return load(
      this.runtime,
      runs.map(({ path }) => path),
      { devices, gemm },
    );
  }

  #tell(label: string, runs: readonly TrainedRun[], fraction: number): void {
    this.options.onEvent?.({ kind: 'using', label, runs: runs.map(({ name }) => name), fraction });
  }

  /** What was written under this key before, or what `make` gives, written for the next time. */
  async #kept<Schema extends z.ZodType<object>>(
    directory: string,
    key: readonly string[],
    schema: Schema,
    make: () => Promise<z.output<Schema>>,
  ): Promise<z.output<Schema>> {
    const name = `${(await this.#hash(key)).slice(0, 16)}.json`;
    const found = await this.#read(this.#path(directory, name), schema);
    if (found !== undefined) return found;
    const made = await make();
    this.options.signal?.throwIfAborted();
    await this.#files.makeDirectory(this.#path(directory));
    await this.#write(this.#path(directory), name, made);
    return made;
  }

  async #read<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema> | undefined> {
    if ((await this.#files.kind(path)) !== 'file') return undefined;
    try {
      return schema.parse(JSON.parse(await this.#files.readText(path)));
    } catch {
      // Damaged, or of another version: made again.
      return undefined;
    }
  }

  async #write(directory: string, name: string, value: object): Promise<void> {
    await replaceFile(this.#files, directory, name, (path) => writeTextFile(this.#files, path, `${JSON.stringify(value)}\n`));
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

  #hash(parts: readonly string[]): Promise<string> {
    return contentHash([new TextEncoder().encode(JSON.stringify(parts))]);
  }

  #path(...names: string[]): string {
    return joinPath(this.options.out, ...names);
  }
}
