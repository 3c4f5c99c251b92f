import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TextSpan } from '../decoding/alignment.js';
import type { AttentionMap } from '../decoding/attention-map.js';
import type { DecodingOptionsInput } from '../decoding/options.js';
import type { UtilityName } from '../decoding/selection/minimum-bayes-risk.js';
import type { SourceLine } from '../decoding/source-line.js';
import type { TranslationResult } from '../decoding/translator.js';
import type { LoadedModel } from '../loaded-model.js';
import { MicroBatches, type MicroBatchLimits } from './micro-batches.js';

export interface LanguagePair {
  readonly source: string;
  readonly target: string;
}

/**
 * How a sentence is translated; sentences with the same choice share batches, whatever words are asked of each. There are no samples: they
 * are drawn by the place of a line in its batch, and would depend on what others ask for at the same time.
 */
export interface SentenceSearch {
  readonly beam: number;
  readonly nbest: number;
  readonly attention: boolean;
  readonly diversity?: DecodingOptionsInput['diversity'];
  /** By what the best hypothesis of the beam is chosen. Undefined: its own score. */
  readonly select?: SentenceSelection | undefined;
}

export type SentenceSelection = { readonly by: 'mbr'; readonly utility: UtilityName } | { readonly by: 'self-consistency' };

/** A translated sentence with what only the model that made it can tell. */
export interface TranslatedSentence {
  readonly result: TranslationResult;
  readonly attention: AttentionMap | undefined;
  readonly alignment: readonly { readonly target: TextSpan; readonly source: TextSpan }[] | undefined;
}

/** A loaded model, and how many calls of it are under way. */
interface Lease {
  readonly model: LoadedModel;
  uses: number;
  retired: boolean;
}

/** A model by its name: one in memory, shared by all requests, which can be exchanged for a newer one while they run. */
export class ServedModel {
  readonly name: string;
  readonly languages: LanguagePair | undefined;
  readonly hasSource: boolean;
  /** Seconds since 1970. */
  readonly created = Math.floor(Date.now() / 1_000);
  readonly sentences: MicroBatches<SourceLine, TranslatedSentence>;
  readonly #open: () => Promise<LoadedModel>;
  #lease: Lease;
  #reloading: Promise<void> | undefined;
  #reloadingNext: Promise<void> | undefined;

  private constructor(
    name: string,
    languages: LanguagePair | undefined,
    open: () => Promise<LoadedModel>,
    model: LoadedModel,
    batches: BatchOptions,
  ) {
    this.name = name;
    this.languages = languages;
    this.hasSource = model.hasSource;
    this.#open = open;
    this.#lease = { model, uses: 0, retired: false };
    this.sentences = new MicroBatches(
      (lines, key, signal) => this.#translate(lines, JSON.parse(key) as SentenceSearch, signal),
      batches.limits,
      batches.observe,
    );
  }

  /** `open` loads it, now and at every reload. */
  static async load(
    name: string,
    languages: LanguagePair | undefined,
    open: () => Promise<LoadedModel>,
    batches: BatchOptions,
  ): Promise<ServedModel> {
    return new ServedModel(name, languages, open, await open(), batches);
  }

  /** Calls the model. It stays in memory until the call has ended, whatever is loaded meanwhile. */
  async use<Result>(call: (model: LoadedModel) => Promise<Result>): Promise<Result> {
    const lease = this.#lease;
    lease.uses++;
    try {
      return await call(lease.model);
    } finally {
      lease.uses--;
      if (lease.retired && lease.uses === 0) await lease.model.dispose();
    }
  }

  /**
   * Loads the model again. Calls that are under way end with the old one; where loading fails it stays. One that is being loaded may have
   * been read before its files changed once more: all who ask meanwhile share the next.
   */
  reload(): Promise<void> {
    if (this.#reloading === undefined) {
      this.#reloading = this.#exchange().finally(() => {
        this.#reloading = undefined;
      });
      return this.#reloading;
    }
    this.#reloadingNext ??= this.#reloading
      .catch(() => {})
      .then(() => {
        this.#reloadingNext = undefined;
        return this.reload();
      });
    return this.#reloadingNext;
  }

  async #exchange(): Promise<void> {
    const model = await this.#open();
    if (model.hasSource !== this.hasSource) {
      await model.dispose();
      throw new Error(`${this.name}: a model of another kind; restart the server to serve it`);
    }
    const old = this.#lease;
    this.#lease = { model, uses: 0, retired: false };
    old.retired = true;
    if (old.uses === 0) await old.model.dispose();
  }

  /** Throws unless the model computes something. */
  async answer(signal: AbortSignal): Promise<void> {
    await this.use(async (model) => {
      if (this.hasSource) await model.translate(['a'], { beam: 1, maximumLength: 1, signal });
      else for await (const _ of model.generateStream(['a'], { maximumLength: 1, signal }));
    });
  }

  /** Waits for what was accepted, then gives the memory back. */
  async dispose(): Promise<void> {
    while (this.#reloading !== undefined) await this.#reloading.catch(() => {});
    await this.sentences.idle();
    await this.#lease.model.dispose();
  }

  #translate(lines: readonly SourceLine[], { attention, ...choice }: SentenceSearch, signal: AbortSignal): Promise<TranslatedSentence[]> {
    return this.use(async (model) => {
      const results = await model.translate(lines, { ...choice, attention, signal });
      return results.map((result, index) => {
        const given = lines[index] as SourceLine;
        const line = typeof given === 'string' ? given : given.text;
        return {
          result,
          attention: attention ? model.attentionMap(line, result) : undefined,
          alignment: attention ? model.alignment(line, result) : undefined,
        };
      });
    });
  }
}

interface BatchOptions {
  readonly limits: MicroBatchLimits;
  readonly observe: (size: number) => void;
}

/**
 * Calls back when the files of models have changed and stay as they are for one interval: whoever writes them has finished.
 *
 * @returns stops it
 */
export function watchModels(paths: readonly string[], interval: number, changed: () => void): () => void {
  const stateOf = async () => {
    const files = paths.flatMap((path) => [path, join(path, 'model.json'), join(path, 'model.safetensors')]);
    const states = await Promise.all(files.map((file) => stat(file).catch(() => undefined)));
    return states.map((state) => (state?.isFile() ? `${state.mtimeMs} ${state.size} ${state.ino}` : '')).join('\n');
  };
  let [loaded, last]: [string | undefined, string | undefined] = [undefined, undefined];
  const look = async () => {
    const now = await stateOf();
    loaded ??= now;
    if (now !== loaded && now === last) {
      loaded = now;
      changed();
    }
    last = now;
  };
  void look();
  const timer = setInterval(() => void look(), interval).unref();
  return () => clearInterval(timer);
}
