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
