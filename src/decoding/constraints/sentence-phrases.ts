import type { Tokenizer } from '../../text/tokenizer.js';
import { occursIn, type Phrase, phraseOf } from './phrase.js';
import { type Surfaces, surfacesOf } from './surfaces.js';

/** A phrase that a translation must have, in one of its forms. */
export interface RequiredPhrase {
  readonly forms: readonly Phrase[];
  /** How the tokenizer writes the forms: at the beginning, after a space, after a mark; in small letters and with a capital. At least one. */
  readonly tokens: readonly (readonly number[])[];
}

/** What one translation must and must not have. */
export interface SentencePhrases {
  readonly required: readonly RequiredPhrase[];
  readonly forbidden: readonly Phrase[];
}

/** As a caller writes it: one form, or several of which one is enough. */
export type RequiredForms = string | readonly string[];

export interface PhraseChoice {
  readonly must?: readonly RequiredForms[] | undefined;
  readonly mustNot?: readonly string[] | undefined;
}

/** What a choice becomes for the search and for whoever judges its text. */
export interface CompiledPhrases {
  /** Without phrases that no token can write, and without those that nothing leads to; undefined where nothing is left. */
  readonly search: SentencePhrases | undefined;
  /** What a text does not have that it must, `must have chat | chatte`, and has that it must not. */
  unmet(text: string): string[];
}

/** Phrases as a target tokenizer writes them. */
export class PhraseCompiler {
  readonly surfaces: Surfaces;
  readonly #tokenizer: Tokenizer;
  readonly #required = new Map<string, { readonly forms: readonly Phrase[]; readonly tokens: RequiredPhrase['tokens'] }>();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.surfaces = surfacesOf({ size: tokenizer.size, bytes: (id) => tokenizer.bytes(id) });
  }

  /** Undefined for a choice of nothing. Texts without anything to see are passed over. What is not led is only judged by what it must have. */
  compile({ must = [], mustNot = [] }: PhraseChoice, { isLed }: { readonly isLed: boolean }): CompiledPhrases | undefined {
    const required = must
      .map((forms) => this.#requiredPhrase((typeof forms === 'string' ? [forms] : forms).flatMap((form) => this.#normalised(form))))
      .filter(({ forms }) => forms.length > 0);
    const forbidden = mustNot.flatMap((text) => this.#normalised(text)).map(phraseOf);
    if (required.length + forbidden.length === 0) return undefined;
    const possible = isLed ? required.filter(({ tokens }) => tokens.length > 0) : [];
    return {
      search: possible.length + forbidden.length > 0 ? { required: possible, forbidden } : undefined,
      unmet: (text) => [
        ...required
          .filter(({ forms }) => !forms.some((form) => occursIn(text, form)))
          .map(({ forms }) => `must have ${forms.map((form) => form.text).join(' | ')}`),
        ...forbidden.filter((phrase) => occursIn(text, phrase)).map((phrase) => `must not have ${phrase.text}`),
      ],
    };
  }

  #normalised(text: string): string[] {
    const normalised = this.#tokenizer.normalise(text).trim();
    return normalised === '' ? [] : [normalised];
  }

  #requiredPhrase(texts: readonly string[]): Pick<RequiredPhrase, 'forms' | 'tokens'> {
    const key = JSON.stringify(texts);
    let phrase = this.#required.get(key);
    if (phrase === undefined) {
      const forms = texts.map(phraseOf);
      const tokens = new Map<string, readonly number[]>();
      for (const { text, anyCase } of forms) {
        for (const written of anyCase ? [text, capitalised(text)] : [text]) {
          for (const ids of this.#tokenizations(written)) tokens.set(ids.join(' '), ids);
        }
      }
      phrase = { forms, tokens: [...tokens.values()] };
      this.#required.set(key, phrase);
    }
    return phrase;
  }

  /** What the text becomes where others stand before it. */
  #tokenizations(text: string): number[][] {
    return ['', 'a ', 'a-', "l'", '('].flatMap((before) => {
      const { ids, offsets } = this.#tokenizer.encodeWithOffsets(before + text);
      const first = ids.findIndex((_, token) => (offsets[2 * token + 1] as number) > before.length);
      const own = ids.slice(first);
      return first >= 0 && this.#textOf(own).trim() === text ? [own] : [];
    });
  }

  #textOf(ids: readonly number[]): string {
    const bytes = ids.flatMap((id) => [...this.#tokenizer.bytes(id)]);
    return ids.some((id) => id === this.#tokenizer.special.unknown) ? '' : new TextDecoder().decode(Uint8Array.from(bytes));
  }
}

function capitalised(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length);
}
