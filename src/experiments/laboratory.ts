import { unigramPerplexity } from '../analysis/examination/unigram.js';
import { Run } from '../checkpoint/run.js';
import type { Files } from '../core/files.js';
import { type LinkedAbort, linkedAbort } from '../core/linked-abort.js';
import { memoryFiles } from '../core/memory-files.js';
import { resolveOptions } from '../core/options.js';
import { type Corpus, openCorpus } from '../data/corpus.js';
import { resolveContexts } from '../data/contexts.js';
import { type CorpusSource, corpusSource, isText, readPairs } from '../data/sources.js';
import type { Runtime } from '../parallel/runtime.js';
import { oneLine } from '../text/normalisation.js';
import type { Configuration } from '../training/configuration.js';
import { Addresses } from './addresses.js';
import { Kept } from './kept.js';
import type { LaboratoryOptions } from './laboratory-options.js';
import { Outputs } from './outputs.js';
import type { ResultOf, Score, Sentences, Step, TextFiles, Train, TrainedRun, Transform } from './steps.js';
import { RankTrainers } from './trainers.js';
import { type TrainingInputs, Trainings } from './trainings.js';
import { findTransformed, transformed } from './transforms.js';

/**
 * Does the steps. A result is stored under its address, so experiments share it, nothing is done twice, and an interrupted
 * experiment continues:
 *
 *     out/runs/NAME/          run directories, with result.json when training is done
 *     out/corpora/            tokenized corpora
 *     out/translations/       translations of test sets
 *     out/nbest/              n-best lists
 *     out/scores/             log-probabilities of hypotheses, a few thousand per file
 *     out/transforms/         results of transforms: JSON, or text files
 */
export class Laboratory {
  readonly runtime: Runtime;
  readonly options: LaboratoryOptions;
  readonly addresses: Addresses;
  /** Translations, lists and scores by trained models. */
  readonly outputs: Outputs;
  readonly #trainings: Trainings;
  readonly #ranks: RankTrainers;
  readonly #abort: LinkedAbort;
  readonly #kept: Kept;

  /** A runtime with other ranks: each trains whole runs, and all lend their devices to what decodes here. */
  constructor({ ranks, ...own }: Runtime, options: LaboratoryOptions) {
    this.#abort = linkedAbort([options.signal]);
    this.runtime = own;
    this.options = { ...options, signal: this.#abort.signal };
    this.addresses = new Addresses(own.files);
    this.#kept = new Kept(own.files, options.out);
    this.#trainings = new Trainings(own, this.options, this.#kept);
    this.#ranks = new RankTrainers({ ...own, ranks }, this.addresses, this.options);
    this.outputs = new Outputs({ ...own, ranks }, this.options, this.#kept);
  }

  /** Runs that can be trained at the same time: `perform` is told by which trainer, from 0. */
  get trainers(): number {
    return 1 + this.#ranks.count;
  }

  /** @throws DecadeError `usage` unless all that train see the same directory */
  requireSameDirectory(): Promise<void> {
    return this.#ranks.requireSameDirectory();
  }

  /** Ends what is under way, as the signal does. */
  stop(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Does a step whose inputs are done, or continues it; returns at once if it is done. Throws the signal's reason. */
  async perform<Of extends Step>(step: Of, trainer = 0): Promise<ResultOf<Of>> {
    return (await this.#perform(step, trainer)) as ResultOf<Of>;
  }

  /** The result of a step; undefined if it is not done. */
  async find<Of extends Step>(step: Of): Promise<ResultOf<Of> | undefined> {
    return (await this.#find(step)) as ResultOf<Of> | undefined;
  }

  /** The result of a step that is done. */
  async result<Of extends Step>(step: Of): Promise<ResultOf<Of>> {
    const found = await this.find(step);
    if (found === undefined) throw new Error(`${step.kind} ${await this.addresses.of(step)}: not done, so it is no step of a stage before`);
    return found;
  }

  async results<Of extends Step>(steps: readonly Of[]): Promise<ResultOf<Of>[]> {
    const results: ResultOf<Of>[] = [];
    for (const step of steps) results.push(await this.result(step));
    return results;
  }

  async isDone(steps: readonly Step[]): Promise<boolean> {
    for (const step of steps) {
      if ((await this.#find(step)) === undefined) return false;
    }
    return true;
  }

  /** The fraction of a step that is still to do, from 0 to 1; 1 for a training that was started. */
  async left(step: Step): Promise<number> {
    if (step.kind !== 'score') return (await this.#find(step)) === undefined ? 1 : 0;
    const scores = await this.#findScores(step);
    return scores === undefined ? 1 : scores.missing / (step.list.size * step.list.sentences.sources.length);
  }

  /** The state of a training. */
  async stateOf(step: Train): Promise<'done' | 'begun' | 'new'> {
    if ((await this.find(step)) !== undefined) return 'done';
    return (await this.#trainings.isBegun(await this.addresses.of(step))) ? 'begun' : 'new';
  }

  /** The configuration with the paths of generated corpora; undefined until they exist. */
  async configurationOf({ configuration, made }: Train): Promise<Configuration | undefined> {
    const data = { ...configuration.data };
    for (const part of ['train', 'dev'] as const) {
      if (made[part] === undefined) continue;
      const paths = await this.find(made[part]);
      if (paths === undefined) return undefined;
      data[part] = corpusOf(made[part], paths, data[part]);
    }
    return { ...configuration, data };
  }

  /**
   * For estimates: the configuration, and the files that its training corpus is in. A corpus that does not exist yet is made in memory
   * if it depends on no result; otherwise undefined.
   */
  async foreseen(training: Train): Promise<{ readonly configuration: Configuration; readonly files: Files } | undefined> {
    const known = await this.configurationOf(training);
    const { configuration, made } = training;
    if (known !== undefined || made.train === undefined) return { configuration: known ?? configuration, files: this.runtime.files };
    if (made.train.inputs.length > 0) return undefined;
    const files = memoryFiles();
    const address = await this.addresses.of(made.train);
    const paths = (await transformed(new Kept(files, ''), made.train, address, [], this.options.signal)) as TextFiles;
    return {
      configuration: { ...configuration, data: { ...configuration.data, train: corpusOf(made.train, paths, configuration.data.train) } },
      files,
    };
  }

  /** The training or dev corpus of a run, as token ids. The caller closes it. */
  async corpus({ path, configuration: { data } }: TrainedRun, part: 'train' | 'dev'): Promise<Corpus> {
    const { files } = this.runtime;
    const tokenizers = await (await Run.open(files, path)).tokenizers();
    return openCorpus({
      files,
      source: (part === 'dev' ? data.dev : undefined) ?? data.train,
      sourceTokenizer: tokenizers.source,
      targetTokenizer: tokenizers.target,
      filter: { maximumLength: data.maximumLength, maximumRatio: data.maximumRatio, balancedUpTo: data.balancedUpTo },
      contexts: resolveContexts(data),
      examples: part === 'train' ? data.examples : undefined,
      cache: { files, directory: this.#kept.path('corpora') },
      ...(this.options.signal && { signal: this.options.signal }),
    });
  }

  /** Dev perplexity of a unigram model of the target, counted on the training corpus: the control for every training. */
  async unigramPerplexity(run: TrainedRun): Promise<number> {
    const tokenizers = await (await Run.open(this.runtime.files, run.path)).tokenizers();
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

  /** All usable pairs of a corpus, each side as one line. */
  async sentences(source: CorpusSource, name: string): Promise<Sentences> {
    const [sources, references]: [string[], string[]] = [[], []];
    for await (const pair of readPairs(this.runtime.files, source)) {
      if ('unusable' in pair) continue;
      sources.push(oneLine(pair.source));
      references.push(oneLine(pair.target));
    }
    return { name, sources, references };
  }

  async #perform(step: Step, trainer: number): Promise<unknown> {
    const address = await this.addresses.of(step);
    switch (step.kind) {
      case 'train': {
        const inputs = await this.#inputsOf(step);
        // What is done is found here.
        const elsewhere = trainer > 0 && (await this.#trainings.find(address, inputs)) === undefined;
        return elsewhere ? this.#ranks.train(trainer, address, inputs) : this.#trainings.train(address, inputs);
      }
      case 'translate':
        return this.outputs.translate(address, await this.results(step.models), step.sentences, step.beam);
      case 'list':
        return this.outputs.nbest(address, await this.result(step.models[0]), step.sentences, step.size);
      case 'score':
        return this.outputs.score(await this.results(step.models), await this.result(step.list));
      case 'transform': {
        const found = await findTransformed(this.#kept, step, address);
        return found ?? transformed(this.#kept, step, address, await this.results(step.inputs), this.options.signal);
      }
    }
  }

  async #find(step: Step): Promise<unknown> {
    const address = await this.addresses.of(step);
    switch (step.kind) {
      case 'train':
        return this.#trainings.find(address, await this.#inputsOf(step));
      case 'translate':
        return this.outputs.findTranslations(address);
      case 'list':
        return this.outputs.findNbest(address, step.sentences);
      case 'score':
        return this.#findScores(step).then((scores) => (scores?.missing === 0 ? scores.sentences : undefined));
      case 'transform':
        return findTransformed(this.#kept, step, address);
    }
  }

  async #inputsOf(step: Train): Promise<TrainingInputs> {
    const configuration = (await this.configurationOf(step)) ?? step.configuration;
    return { configuration, init: step.init && (await this.find(step.init)) };
  }

  /** Undefined without a list to score. */
  async #findScores({ models, list }: Score) {
    const found = await this.find(list);
    return found && this.outputs.findScores(await this.addresses.all(models), found);
  }
}

/** The corpus that texts are: named as in a configuration, or all files of a text where the configuration has one. */
function corpusOf({ name }: Transform<TextFiles>, paths: TextFiles, configured: CorpusSource | undefined): CorpusSource {
  if (configured !== undefined && isText(configured)) return { ...configured, text: Object.values(paths) };
  return resolveOptions(corpusSource, paths as CorpusSource, `${name}, texts`);
}
