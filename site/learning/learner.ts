import { type AttentionMap, load, pack, type TrainedRun, type TrainingEvent, train } from '../../src/browser/index.js';
import { messageOf } from '../models/use-model.js';
import { configurationOf, type Lesson, type Network, updates } from './recipe.js';

/** What a network wrote for a held-out sentence. */
export interface Attempt {
  readonly source: string;
  readonly target: string;
  readonly written: string | undefined;
}

/** The figures of a learner, to be shown. */
export interface Progress {
  readonly phase: 'new' | 'preparing' | 'learning' | 'pausing' | 'paused' | 'finished' | 'failed';
  readonly failure: string | undefined;
  readonly parameters: number | undefined;
  readonly step: number;
  readonly wordsPerSecond: number | undefined;
  /** Of each update from the first on, in nats per token. */
  readonly losses: readonly number[];
  /** Updates before which the training was begun anew with another learning rate. */
  readonly begun: readonly number[];
  readonly attempts: readonly Attempt[];
  /** The update after which they were made. */
  readonly attemptedAt: number;
  /** Of the first held-out sentence. */
  readonly attention: AttentionMap | undefined;
}

/** A network that is trained in this page, with what it can do after every few updates. */
export class Learner {
  readonly network: Network;
  readonly #lesson: Lesson;
  readonly #changed: () => void;
  #progress: Progress;
  #rate: number | undefined;
  #run: Pick<TrainedRun, 'files'> | undefined;
  /** Updates of trainings that were begun anew. */
  #before = 0;
  #pause = new AbortController();
  #looking: Promise<void> | undefined;

  /** @param changed  called whenever `progress` is another */
  constructor(network: Network, lesson: Lesson, changed: () => void) {
    this.network = network;
    this.#lesson = lesson;
    this.#changed = changed;
    const attempts = lesson.heldOut.map(({ source, target }) => ({ source, target, written: undefined }));
    this.#progress = {
      ...{ phase: 'new', failure: undefined, parameters: undefined, step: 0, wordsPerSecond: undefined },
      ...{ losses: [], begun: [], attempts, attemptedAt: 0, attention: undefined },
    };
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Learns, or goes on: with the same rate to the same bits as if there had been no pause, with another from what was learnt so far. */
  async learn(rate: number): Promise<void> {
    const [before, isSame] = [this.#run, rate === this.#rate];
    if (before !== undefined && !isSame) {
      this.#before = this.#progress.step;
      this.#show({ begun: [...this.#progress.begun, this.#before] });
    }
    this.#rate = rate;
    this.#pause = new AbortController();
    this.#show({ phase: 'preparing' });
    try {
      const run = await train(configurationOf(this.network, rate, this.#lesson, updates.total - this.#before), {
        ...(before !== undefined && (isSame ? { resume: before } : { init: before })),
        signal: this.#pause.signal,
        onEvent: (event) => this.#note(event),
        onCheckpoint: (saved) => this.#look(saved),
      });
      this.#run = run;
      await this.#looking;
      this.#look(run);
      await this.#looking;
      this.#show({ phase: run.summary.interrupted ? 'paused' : 'finished' });
    } catch (error) {
      this.#show({ phase: 'failed', failure: messageOf(error) });
    }
  }

  pause(): void {
    this.#show({ phase: 'pausing' });
    this.#pause.abort();
  }

  /** The model as it is now, in one file. Undefined before the first pause or end. */
  async packed(): Promise<Blob | undefined> {
    return this.#run && (await pack(this.#run, { precision: 'int8' })).blob;
  }

  #note(event: TrainingEvent): void {
    if (event.kind === 'model') this.#show({ parameters: event.parameters });
    if (event.kind !== 'update') return;
    const { losses, phase } = this.#progress;
    this.#show({
      phase: phase === 'preparing' ? 'learning' : phase,
      step: this.#before + event.steps,
      losses: [...losses.slice(0, this.#before + event.steps - 1), event.loss],
      wordsPerSecond: event.wordsPerSecond,
    });
  }

  /** Looks at what a model can do, unless the last look is still under way. */
  #look(run: Pick<TrainedRun, 'files'>): void {
    const { step } = this.#progress;
    this.#looking ??= this.#examine(run, step)
      .catch((error: unknown) => this.#show({ failure: messageOf(error) }))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #examine(run: Pick<TrainedRun, 'files'>, step: number): Promise<void> {
    const model = await load(run, { threads: 1, beam: 1 });
    try {
      const sentences = this.#lesson.heldOut;
      const sources = sentences.map(({ source }) => source);
      const results = await model.translate(sources, { attention: true });
      const [first] = results;
      const attention = first && (await model.attentionMap(sources[0] ?? '', first));
      const attempts = sentences.map(({ source, target }, index) => ({ source, target, written: results[index]?.text }));
      this.#show({ attempts, attemptedAt: step, attention });
    } finally {
      await model.dispose();
    }
  }

  #show(progress: Partial<Progress>): void {
    this.#progress = { ...this.#progress, ...progress };
    this.#changed();
  }
}
