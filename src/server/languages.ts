import type { ServedModel } from './served-model.js';

/** Codes that mean the same, as LibreTranslate has them. */
const aliases: Readonly<Record<string, string>> = { zh: 'zh-hans', 'zh-cn': 'zh-hans', zt: 'zh-hant', 'zh-tw': 'zh-hant', pb: 'pt-br' };

/** One form for all spellings of a code. */
function canonical(code: string): string {
  const lower = code.trim().toLowerCase().replaceAll('_', '-');
  return aliases[lower] ?? lower;
}

/** A served language for a code: this one, or one that differs from it only in its region. */
export function servedLanguage(code: string, served: readonly string[]): string | undefined {
  return served.find((each) => canonical(each) === canonical(code)) ?? served.find((each) => baseOf(each) === baseOf(code));
}

/** `English` for `en`. */
export function languageName(code: string): string {
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** Every language that some model reads, with those that it can be translated into, in the order of the models. */
export function sourceLanguages(models: readonly ServedModel[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { languages } of models) {
    if (languages === undefined) continue;
    const targets = found.get(languages.source) ?? [];
    if (!targets.includes(languages.target)) targets.push(languages.target);
    found.set(languages.source, targets);
  }
  return found;
}

export interface DetectedLanguage {
  readonly language: string;
  /** 0 to 100. */
  readonly confidence: number;
}

type Detector = typeof import('eld/small')['eld'];

/** Tells in which of some languages a text is written. */
export class LanguageDetector {
  readonly #languages: readonly string[];
  readonly #detector: Detector;
  /** Codes served that the detector does not know. */
  readonly #unknown: readonly string[];

  /** @param languages  codes such as `en` or `pt-BR`; a detector tells languages apart, not regions */
  static async open(languages: readonly string[]): Promise<LanguageDetector> {
    // Its table is a megabyte, which nothing else needs.
    const { eld } = await import('eld/small');
    return new LanguageDetector(languages, eld.newInstance());
  }

  private constructor(languages: readonly string[], detector: Detector) {
    this.#languages = languages;
    this.#detector = detector;
    const known = Object.values(this.#detector.setLanguageSubset(languages.map(baseOf)) ?? {});
    this.#unknown = languages.filter((language) => !known.includes(baseOf(language)));
  }

  /** Best first; a text without letters is in none. */
  detect(text: string): DetectedLanguage[] {
    if (!/\p{L}/u.test(text)) return [];
    const [only, ...others] = this.#languages;
    const scores = Object.entries(this.#detector.detect(text).getScores());
    const total = scores.reduce((sum, [, score]) => sum + score, 0);
    const found = scores.flatMap(([code, score]) =>
      this.#languages
        .filter((language) => baseOf(language) === code)
        .map((language) => ({ language, confidence: Math.round((100 * score) / total) })),
    );
    if (found.length > 0) return found.sort((a, b) => b.confidence - a.confidence);
    const [guess] = this.#unknown.length > 0 ? this.#unknown : others.length === 0 ? [only] : [];
    return guess === undefined ? [] : [{ language: guess, confidence: 50 }];
  }
}

/** `pt` of `pt-BR`. */
export function baseOf(language: string): string {
  return (language.split('-')[0] ?? language).toLowerCase();
}
