import type { Candidate, SelectionControl, SelectionCost } from './criterion.js';
import type { SelectedCandidate, SelectedList, Selection } from './selection.js';

/** What a translation is worth to a selection. */
export type SelectedBy = Pick<SelectedCandidate, 'value' | 'values'>;

/** What the translation of a line was chosen from, and what that took. */
export interface LineSelection extends SelectionCost {
  /** Hypotheses or samples. */
  readonly candidates: number;
  readonly distinctTexts: number;
  /** What the search has read and written for them, each `</s>` counted. */
  readonly sourceTokens: number;
  readonly targetTokens: number;
}

/** What a search has found for a line. */
interface Found extends Candidate {
  readonly tokenLogProbabilities: { readonly length: number };
}

interface FoundForLine<Translation extends Found> {
  readonly text: string;
  /** Of the line. */
  readonly tokens: number;
  readonly translations: readonly Translation[];
}

interface SelectedLine<Translation> {
  /** Best first, each text once. */
  readonly nbest: readonly (Translation & { readonly selected: SelectedBy })[];
  readonly selection: LineSelection;
}

export interface TranslationChoice extends SelectionControl {
  readonly areSamples: boolean;
  /** Translations per line to give, at most. */
  readonly kept: number;
}

/** Orders the translations of lines and gives the best of each. */
export class TranslationSelection {
  readonly #selection: Selection;

  constructor(selection: Selection) {
    this.#selection = selection;
  }

  /** Of the one translation of an empty line, which nothing was compared with. */
  get nothing(): SelectedBy {
    return { value: 0, values: Object.fromEntries(this.#selection.names.map((name) => [name, 0])) };
  }

  async select<Translation extends Found>(
    lines: readonly FoundForLine<Translation>[],
    { areSamples, kept, signal }: TranslationChoice,
  ): Promise<SelectedLine<Translation>[]> {
    const lists = lines.map(({ text, translations }) => ({ source: text, candidates: translations, areSamples }));
    const selected = await this.#selection.select(lists, { signal });
    return lines.map(({ translations, tokens }, index) => {
      const { ranking, cost } = selected[index] as SelectedList;
      const best = new Map<string, Translation & { readonly selected: SelectedBy }>();
      for (const { index: place, value, values } of ranking) {
        const translation = translations[place] as Translation;
        if (!best.has(translation.text)) best.set(translation.text, { ...translation, selected: { value, values } });
      }
      const targetTokens = translations.reduce((sum, { tokenLogProbabilities }) => sum + tokenLogProbabilities.length, 0);
      return {
        nbest: [...best.values()].slice(0, kept),
        selection: { candidates: translations.length, distinctTexts: best.size, sourceTokens: tokens, targetTokens, ...cost },
      };
    });
  }
}
