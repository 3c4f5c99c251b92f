import * as z from 'zod';
import { type RescoreOptions, type Rescoring, rescore } from '../analysis/rescoring/rescore.js';
import type { NbestList, ScorePairs } from '../analysis/rescoring/rescoring.js';
import { load } from '../load.js';
import type { LoadedModel } from '../loaded-model.js';
import { formatTranslation } from '../decoding/nbest.js';
import type { Runtime } from '../parallel/runtime.js';
import type { Kept } from './kept.js';

/** Sentences with one reference each. */
export interface Sentences {
  readonly name: string;
  readonly sources: readonly string[];
  readonly references: readonly string[];
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

/** Of hypotheses; what is infinite is null in JSON. */
const scores = z.object({
  scores: z.array(z.tuple([z.number().nullable(), z.number()])),
});

/** A run directory, and the name that says all of what was trained there. */
export interface NamedRun {
  readonly name: string;
  readonly path: string;
}

export interface OutputsOptions {
  readonly devices?: number | undefined;
  readonly gemm?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: UsingEvent) => void) | undefined;
}

export interface UsingEvent {
  readonly kind: 'using';
  readonly label: string;
  readonly runs: readonly string[];
  readonly fraction: number;
}

/** What trained models make of sentences: kept, so that no experiment does again what another did. */
export class Outputs {
  readonly #runtime: Runtime;
  readonly #options: OutputsOptions;
  readonly #kept: Kept;

  constructor(runtime: Runtime, options: OutputsOptions, kept: Kept) {
    this.#runtime = runtime;
    this.#options = options;
    this.#kept = kept;
  }

  /** What runs together make of sentences, or made of them before. */
  async translate(runs: readonly NamedRun[], sentences: Sentences, beam: number): Promise<Translations> {
    const { signal } = this.#options;
    const translate = async () => {
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
    };
    return this.#kept.get('translations', translationKey(namesOf(runs), sentences, beam), translations, translate, signal);
  }

  /** What runs of these names made of sentences before; undefined when they did not. */
  findTranslations(names: readonly string[], sentences: Sentences, beam: number): Promise<Translations | undefined> {
    return this.#kept.find('translations', translationKey(names, sentences, beam), translations);
  }

  /** An n-best list of a run, made with a beam as large. */
  async nbest(run: NamedRun, sentences: Sentences, size: number): Promise<NbestList> {
    const { signal } = this.#options;
    const list = async () => {
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
          for (const translation of nbest) lines.push(formatTranslation(line - 1, translation));
        }
        return { lines };
      } finally {
        await model.dispose();
      }
    };
    return listOf(sentences, await this.#kept.get('nbest', nbestKey(run.name, sentences, size), nbestLines, list, signal));
  }

  /** The n-best list that a run of this name made before; undefined when it did not. */
  async findNbest(name: string, sentences: Sentences, size: number): Promise<NbestList | undefined> {
    const found = await this.#kept.find('nbest', nbestKey(name, sentences, size), nbestLines);
    return found && listOf(sentences, found);
  }

  /**
   * How well runs together choose from an n-best list. The sentences are not kept, but what the runs make of each hypothesis
   * is, so that a rescoring that was interrupted goes on.
   */
  async rescore(runs: readonly NamedRun[], list: NbestList, options: RescoreOptions): Promise<Rescoring> {
    const { signal } = this.#options;
    let model: LoadedModel | undefined;
    const score: ScorePairs = async (pairs, control) => {
      const scored = await this.#kept.get(
        'scores',
        scoresKey(namesOf(runs), pairs),
        scores,
        async () => {
          model ??= await this.open(runs);
          const found = await model.score(pairs, control);
          return { scores: found.map((one): [number, number] => [one.logProbability, one.tokenLogProbabilities.length]) };
        },
        signal,
      );
      return scored.scores.map(([logProbability, length]) => ({
        logProbability: logProbability ?? Number.NEGATIVE_INFINITY,
        tokenLogProbabilities: { length },
      }));
    };
    try {
      return await rescore(list, score, {
        onSentence: () => undefined,
        ...options,
        signal,
        onProgress: ({ label, fraction = 0 }) => this.#tell(label, runs, fraction),
      });
    } finally {
      await model?.dispose();
    }
  }

  /** How many hypotheses of a list runs of these names have not scored yet. */
  async unscored(names: readonly string[], list: NbestList): Promise<number> {
    let missing = 0;
    const look: ScorePairs = async (pairs) => {
      if ((await this.#kept.find('scores', scoresKey(names, pairs), scores)) === undefined) missing += pairs.length;
      return pairs.map(() => ({ logProbability: 0, tokenLogProbabilities: { length: 1 } }));
    };
    await rescore({ ...list, references: undefined }, look, { signal: this.#options.signal, onSentence: () => undefined });
    return missing;
  }

  /** Opens runs for what is not kept; the caller disposes of the model. `untrained`: as they were before their first update. */
  open(runs: readonly NamedRun[], { untrained = false } = {}): Promise<LoadedModel> {
    const { devices, gemm } = this.#options;
    return load(
      this.#runtime,
      runs.map(({ path }) => path),
      { devices, gemm, untrained },
    );
  }

  #tell(label: string, runs: readonly NamedRun[], fraction: number): void {
    this.#options.onEvent?.({ kind: 'using', label, runs: namesOf(runs), fraction });
  }
}

const nbestLines = z.object({ lines: z.array(z.string()) });

function namesOf(runs: readonly NamedRun[]): string[] {
  return runs.map(({ name }) => name);
}

function listOf({ name, sources, references }: Sentences, { lines }: z.output<typeof nbestLines>): NbestList {
  return { name, sources, references: [references], lines };
}

function translationKey(names: readonly string[], { sources }: Sentences, beam: number): string[] {
  return [...names, ...sources, `beam ${beam}`];
}

function nbestKey(name: string, { sources }: Sentences, size: number): string[] {
  return [name, ...sources, `nbest ${size}`];
}

function scoresKey(names: readonly string[], pairs: Parameters<ScorePairs>[0]): string[] {
  return [...names, 'scores', ...pairs.flatMap(({ source, target }) => [source, target])];
}
