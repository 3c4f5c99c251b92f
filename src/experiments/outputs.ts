import * as z from 'zod';
import { type RankedSentence, type RescoreOptions, type Rescoring, rescore } from '../analysis/rescoring/rescore.js';
import type { NbestList, ScorePairs } from '../analysis/rescoring/rescoring.js';
import { load } from '../load.js';
import type { LoadedModel } from '../loaded-model.js';
import { formatTranslation } from '../decoding/nbest.js';
import type { Runtime } from '../parallel/runtime.js';
import { addressOf } from './addresses.js';
import type { Kept } from './kept.js';
import type { LaboratoryOptions } from './laboratory-options.js';
import type { NamedRun, Sentences, Translations } from './steps.js';

const translations = z.object({ seconds: z.number(), texts: z.array(z.string()) });

const nbestLines = z.object({ lines: z.array(z.string()) });

/** Scores of hypotheses; infinite values are null in JSON. */
const scores = z.object({
  scores: z.array(z.tuple([z.number().nullable(), z.number()])),
});

/** Translations, lists and scores by trained models, stored so that no experiment repeats the work of another. */
export class Outputs {
  readonly #runtime: Runtime;
  readonly #options: LaboratoryOptions;
  readonly #kept: Kept;

  constructor(runtime: Runtime, options: LaboratoryOptions, kept: Kept) {
    this.#runtime = runtime;
    this.#options = options;
    this.#kept = kept;
  }

  /** Translations of sentences by runs together, computed or stored. */
  async translate(address: string, runs: readonly NamedRun[], sentences: Sentences, beam: number): Promise<Translations> {
    const translate = async () => {
      const { seconds, results } = await this.#translated(runs, sentences, { beam });
      return { seconds, texts: results.map(({ text }) => text) };
    };
    return this.#kept.get('translations', address, translations, translate, this.#options.signal);
  }

  findTranslations(address: string): Promise<Translations | undefined> {
    return this.#kept.find('translations', address, translations);
  }

  /** An n-best list of a run, with a beam of the same size. */
  async nbest(address: string, run: NamedRun, sentences: Sentences, size: number): Promise<NbestList> {
    const list = async () => {
      const { results } = await this.#translated([run], sentences, { beam: size, nbest: size });
      return { lines: results.flatMap(({ line, nbest }) => nbest.map((translation) => formatTranslation(line - 1, translation))) };
    };
    return listOf(sentences, await this.#kept.get('nbest', address, nbestLines, list, this.#options.signal));
  }

  async findNbest(address: string, sentences: Sentences): Promise<NbestList | undefined> {
    const found = await this.#kept.find('nbest', address, nbestLines);
    return found && listOf(sentences, found);
  }

  /** Scores the hypotheses of a list that the runs have not scored yet. */
  async score(runs: readonly NamedRun[], list: NbestList): Promise<readonly RankedSentence[]> {
    return (await this.rescore(runs, { ...list, references: undefined }, { onSentence: undefined })).sentences;
  }

  /** The stored scores of a list by runs of these names, and the number of hypotheses without one. */
  async findScores(names: readonly string[], list: NbestList): Promise<{ missing: number; sentences: readonly RankedSentence[] }> {
    let missing = 0;
    const look: ScorePairs = async (pairs) => {
      const found = await this.#kept.find('scores', await scoresAddress(names, pairs), scores);
      if (found !== undefined) return pairScores(found);
      missing += pairs.length;
      return pairs.map(() => ({ logProbability: 0, tokenLogProbabilities: { length: 1 } }));
    };
    const { sentences } = await rescore({ ...list, references: undefined }, look, { signal: this.#options.signal });
    return { missing, sentences };
  }

  /**
   * Rescores an n-best list with runs together. Sentences are not stored, but the scores of hypotheses are, so an interrupted
   * rescoring continues.
   */
  async rescore(runs: readonly NamedRun[], list: NbestList, options: RescoreOptions = {}): Promise<Rescoring> {
    const { signal } = this.#options;
    let model: LoadedModel | undefined;
    const score: ScorePairs = async (pairs, control) => {
      const scored = await this.#kept.get(
        'scores',
        await scoresAddress(namesOf(runs), pairs),
        scores,
        async () => {
          model ??= await this.open(runs);
          const found = await model.score(pairs, control);
          return { scores: found.map((one): [number, number] => [one.logProbability, one.tokenLogProbabilities.length]) };
        },
        signal,
      );
      return pairScores(scored);
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

  /** Opens runs; the caller disposes of the model. `untrained`: as initialised, before the first update. */
  open(runs: readonly NamedRun[], { untrained = false } = {}): Promise<LoadedModel> {
    const { devices, gemm } = this.#options;
    return load(
      this.#runtime,
      runs.map(({ path }) => path),
      { devices, gemm, untrained },
    );
  }

  /** With the time from the first line to the last, without loading the models. */
  async #translated(runs: readonly NamedRun[], { sources }: Sentences, search: { readonly beam: number; readonly nbest?: number }) {
    const { signal } = this.#options;
    const model = await this.open(runs);
    try {
      const start = performance.now();
      const results = await model.translate(sources, {
        ...search,
        ...(signal && { signal }),
        onProgress: ({ lines }) => this.#tell('translating', runs, lines / sources.length),
      });
      return { seconds: (performance.now() - start) / 1_000, results };
    } finally {
      await model.dispose();
    }
  }

  #tell(label: string, runs: readonly NamedRun[], fraction: number): void {
    this.#options.onEvent?.({ kind: 'using', label, runs: namesOf(runs), fraction });
  }
}

function namesOf(runs: readonly NamedRun[]): string[] {
  return runs.map(({ name }) => name);
}

function listOf({ name, sources, references }: Sentences, { lines }: z.output<typeof nbestLines>): NbestList {
  return { name, sources, references: [references], lines };
}

function pairScores({ scores: kept }: z.output<typeof scores>) {
  return kept.map(([logProbability, length]) => ({
    logProbability: logProbability ?? Number.NEGATIVE_INFINITY,
    tokenLogProbabilities: { length },
  }));
}

function scoresAddress(names: readonly string[], pairs: Parameters<ScorePairs>[0]): Promise<string> {
  return addressOf([...names, 'scores', ...pairs.flatMap(({ source, target }) => [source, target])]);
}
