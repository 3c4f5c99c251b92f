/** Which of some languages a text is written in. */
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
  /** Codes given that the detector does not know. */
  readonly #unknown: readonly string[];

  /** @param languages  codes such as `en` or `pt-BR`; a detector tells languages apart, not regions. Default: all that it knows */
  static async open(languages?: readonly string[]): Promise<LanguageDetector> {
    // Its table is a megabyte, which nothing else needs.
    const { eld } = await import('eld/small');
    const detector = eld.newInstance();
    return new LanguageDetector(languages ?? Object.values(detector.info().Languages), detector);
  }

  private constructor(languages: readonly string[], detector: Detector) {
    this.#languages = languages;
    this.#detector = detector;
    const known = Object.values(this.#detector.setLanguageSubset(languages.map(baseOf)) ?? {});
    this.#unknown = languages.filter((language) => !known.includes(baseOf(language)));
  }

  knows(language: string): boolean {
    return this.#languages.some((each) => baseOf(each) === baseOf(language)) && !this.#unknown.includes(language);
  }

  /** How well a text fits a language that is known: its score over that of the best, 0 to 1. Undefined for a text in none. */
  fit(text: string, language: string): number | undefined {
    const scores = this.#scores(text);
    const best = Object.values(scores).reduce((most, score) => Math.max(most, score), 0);
    return best === 0 ? undefined : (scores[baseOf(language)] ?? 0) / best;
  }

  /** The language that fits best; undefined for a text in none. */
  best(text: string): string | undefined {
    const [first] = Object.entries(this.#scores(text)).sort(([, a], [, b]) => b - a);
    return first?.[0];
  }

  /** Best first; a text without letters is in none. */
  detect(text: string): DetectedLanguage[] {
    if (!/\p{L}/u.test(text)) return [];
    const [only, ...others] = this.#languages;
    const scores = Object.entries(this.#scores(text));
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

  #scores(text: string): Readonly<Record<string, number>> {
    return /\p{L}/u.test(text) ? this.#detector.detect(text).getScores() : {};
  }
}

/** `pt` of `pt-BR`. */
export function baseOf(language: string): string {
  return (language.split('-')[0] ?? language).toLowerCase();
}
