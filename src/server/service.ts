import { DecadeError, nearestName } from '../core/errors.js';
import { linkedAbort } from '../core/linked-abort.js';
import type { Decade } from '../decade.js';
import type { ComputeOptions } from '../loaded-model.js';
import { type DetectedLanguage, LanguageDetector } from '../text/language-detection.js';
import { languageName, servedLanguage, sourceLanguages } from './languages.js';
import { Metrics } from './metrics.js';
import type { ServerOptions } from './options.js';
import { Refusal } from './refusal.js';
import { type SentenceSearch, ServedModel } from './served-model.js';
import type { TagHandling } from './text/markup.js';
import { type TextFormat, type TranslatedText, translateTexts, type WordChoice } from './text/translation.js';
import { Turnstile } from './turnstile.js';

export interface TranslationRequest extends Partial<SentenceSearch> {
  readonly texts: readonly string[];
  /** A code, or `auto`. */
  readonly source: string;
  readonly target: string;
  readonly format?: TextFormat | undefined;
  readonly tags?: TagHandling | undefined;
  readonly words?: WordChoice | undefined;
  /** A model by name; one for the languages otherwise. */
  readonly model?: string | undefined;
  readonly signal: AbortSignal;
  readonly onSentence?: ((source: string, target: string) => Promise<void> | void) | undefined;
}

/** A text's translation, its model, and its language where that had to be found out. */
export interface ServedTranslation extends TranslatedText {
  /** Undefined for a text that has no letters and is returned as it is. */
  readonly model: string | undefined;
  readonly detected: DetectedLanguage | undefined;
}

/** Models behind one door: which there are, which one a request needs, and what it may ask of them. */
export class Service {
  readonly options: ServerOptions;
  readonly models: readonly ServedModel[];
  readonly metrics: Metrics;
  readonly detector: LanguageDetector;
  readonly completions: Turnstile;

  private constructor(models: readonly ServedModel[], options: ServerOptions, metrics: Metrics, detector: LanguageDetector) {
    this.models = models;
    this.options = options;
    this.metrics = metrics;
    this.detector = detector;
    this.completions = new Turnstile(options.queue.completions, options.queue.waiting);
  }

  /**
   * Loads models, each served by the name of its directory or file.
   *
   * @throws DecadeError `usage` for two of one name and for a translator whose languages are not known, and what `load` throws
   */
  static async open(
    library: Pick<Decade, 'load' | 'languages'>,
    paths: readonly string[],
    options: ServerOptions,
    compute: ComputeOptions = {},
  ): Promise<Service> {
    const names = paths.map(nameOf);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined)
      throw new DecadeError('usage', {
        where: 'models',
        received: `two models named ${twice}`,
        allowed: 'a name each',
        next: 'rename one of the directories',
      });
    const stray = Object.keys(options.languages).find((name) => !names.includes(name));
    if (stray !== undefined) {
      const nearest = nearestName(stray, names);
      throw new DecadeError('usage', {
        where: 'languages',
        received: `no model named ${stray}`,
        allowed: names.join(', '),
        ...(nearest && { next: `did you mean ${nearest}?` }),
      });
    }
    const metrics = new Metrics();
    const models: ServedModel[] = [];
    try {
      for (const [index, path] of paths.entries()) {
        const name = names[index] as string;
        const languages = options.languages[name] ?? (await library.languages(path));
        const batches = { limits: options.queue, observe: (size: number) => metrics.batchSize.observe(size) };
        const model = await ServedModel.load(name, languages, () => library.load(path, { ...compute }), batches);
        models.push(model);
        if (model.hasSource && languages === undefined) {
          throw new DecadeError('usage', {
            where: path,
            received: 'a model whose languages are not known',
            next: `name them: --languages ${name}=en-fr`,
          });
        }
      }
      return new Service(models, options, metrics, await LanguageDetector.open([...sourceLanguages(models).keys()]));
    } catch (error) {
      for (const model of models) await model.dispose();
      throw error;
    }
  }

  get translators(): readonly ServedModel[] {
    return this.models.filter(({ hasSource }) => hasSource);
  }

  get languageModels(): readonly ServedModel[] {
    return this.models.filter(({ hasSource }) => !hasSource);
  }

  /** The served language that a code stands for. Throws a 400. */
  language(code: string, side: 'source' | 'target'): string {
    const sources = sourceLanguages(this.models);
    const served = side === 'source' ? [...sources.keys()] : [...new Set([...sources.values()].flat())];
    const found = servedLanguage(code, served) ?? servedLanguage(code, [...sources.keys(), ...[...sources.values()].flat()]);
    if (found === undefined) throw new Refusal(400, `${code} is not supported`, { parameter: side });
    return found;
  }

  /** The model for two languages, or the one of a name. Throws a 400 for languages that do not go together, a 404 for a name. */
  translator(source: string, target: string, name?: string): ServedModel {
    const fits = (model: ServedModel) => model.languages?.source === source && model.languages.target === target;
    if (name !== undefined) {
      const named = this.translators.find((model) => model.name === name);
      if (named !== undefined && fits(named)) return named;
      const names = this.translators.filter(fits).map((model) => model.name);
      throw new Refusal(404, `${name} does not translate ${source} to ${target}; served: ${names.join(', ') || 'none'}`, {
        parameter: 'model',
      });
    }
    const model = this.translators.find(fits);
    if (model !== undefined) return model;
    const described = (code: string) => `${languageName(code)} (${code})`;
    throw new Refusal(400, `${described(target)} is not available as a target language from ${described(source)}`, { parameter: 'target' });
  }

  /** A language model. Throws a 404. */
  languageModel(name: string | undefined): ServedModel {
    const found = name === undefined ? this.languageModels[0] : this.languageModels.find((model) => model.name === name);
    if (found !== undefined) return found;
    const names = this.languageModels.map((model) => model.name).join(', ') || 'none';
    throw new Refusal(404, `The model ${name ?? ''} does not exist or is no language model; served: ${names}`, { parameter: 'model' });
  }

  /** The languages in which a text is written, most likely first. */
  detect(text: string): DetectedLanguage[] {
    return this.detector.detect(text);
  }

  /** A translation for every text; all are accepted, or none. */
  async translate(request: TranslationRequest): Promise<ServedTranslation[]> {
    const { texts, source, format = 'text', tags, words, nbest = 1, attention = false, diversity, select, onSentence } = request;
    const beam = Math.max(nbest, request.beam ?? this.options.beam);
    if (diversity !== undefined && beam % diversity.groups !== 0) {
      throw new Refusal(400, `diverseGroups: ${diversity.groups}; expected a number that divides the beam size, ${beam}`, {
        parameter: 'diverseGroups',
      });
    }
    const search = { beam, nbest, attention, diversity, select };
    const target = this.language(request.target, 'target');
    const detected = texts.map((text) => (source === 'auto' ? this.#detected(text, format, target) : undefined));
    const groups = new Map<ServedModel, number[]>();
    for (const [index, text] of texts.entries()) {
      if (!/[\p{L}\p{N}]/u.test(text)) continue;
      const from = source === 'auto' ? detected[index]?.language : this.language(source, 'source');
      // A text that is in the target language already stays as it is.
      if (from === undefined || (source === 'auto' && from === target)) continue;
      const model = this.translator(from, target, request.model);
      groups.set(model, [...(groups.get(model) ?? []), index]);
    }
    const translations: ServedTranslation[] = texts.map((text, index) => ({
      ...untranslated(text),
      model: undefined,
      detected: detected[index],
    }));
    // What one part is refused, no other part is worked on for.
    const abort = linkedAbort([request.signal]);
    const { signal } = abort;
    await Promise.all(
      [...groups].map(async ([model, places]) => {
        const ofModel = places.map((place) => texts[place] as string);
        this.metrics.characters.add(
          { model: model.name },
          ofModel.reduce((sum, text) => sum + text.length, 0),
        );
        const found = await translateTexts(model, ofModel, { ...search, format, tags, words, signal, onSentence });
        for (const [index, place] of places.entries()) {
          translations[place] = { ...(found[index] as TranslatedText), model: model.name, detected: detected[place] };
        }
      }),
    )
      .catch((error: unknown) => {
        abort.abort(error);
        throw error;
      })
      .finally(() => abort.release());
    return translations;
  }

  /** Loads all models again; those that fail stay as they were, and are named. */
  async reload(): Promise<{ readonly model: string; readonly error: unknown }[]> {
    const failed: { model: string; error: unknown }[] = [];
    for (const model of this.models) {
      try {
        await model.reload();
        this.metrics.reloads.add({ model: model.name, result: 'ok' });
      } catch (error) {
        failed.push({ model: model.name, error });
        this.metrics.reloads.add({ model: model.name, result: 'failed' });
      }
    }
    return failed;
  }

  async dispose(): Promise<void> {
    for (const model of this.models) await model.dispose();
  }

  #detected(text: string, format: TextFormat, target: string): DetectedLanguage {
    const words = format === 'html' ? text.replace(/<[^>]*>/g, ' ') : text;
    const reaches = (language: string) =>
      this.translators.some(({ languages }) => languages?.source === language && languages.target === target);
    const fallback = [...sourceLanguages(this.models).keys()];
    return this.detect(words)[0] ?? { language: fallback.find(reaches) ?? fallback[0] ?? 'en', confidence: 0 };
  }
}

/** What is returned as it is. */
function untranslated(text: string): TranslatedText {
  const list = [{ text, logProbability: 0 }];
  return { text, alternatives: [], nbest: list, logProbability: 0, score: 0, sentences: [], flags: [], unmet: [] };
}

/** `my-pair` of `runs/my-pair/` and `my-pair.decade`. */
function nameOf(path: string): string {
  const last =
    path
      .split(/[\\/]/)
      .filter((part) => part !== '')
      .at(-1) ?? path;
  return last.replace(/\.decade$/, '');
}
