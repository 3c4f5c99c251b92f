import { DecadeError } from '../../core/errors.js';
import { shortened } from '../../core/visible-text.js';

/** All of these must know a language. */
const formatterKinds: readonly { supportedLocalesOf(language: string): string[] }[] = [
  Intl.DateTimeFormat,
  Intl.NumberFormat,
  Intl.RelativeTimeFormat,
  Intl.ListFormat,
  Intl.DisplayNames,
] as const;

/** The canonical form of a language that every formatter has data for; throws `usage`, with the one probably meant, for any other. */
export function supportedLanguage(language: string, where: string): string {
  const tag = canonicalTag(language);
  if (tag !== undefined && hasData(tag)) return tag;
  const meant = meantLanguage(language);
  throw new DecadeError('usage', {
    where,
    received: `language '${shortened(language)}'`,
    allowed: `a language with data in this runtime: ${availableLanguages().join(' ')} (or one with a region, such as pt-BR)`,
    ...(meant !== undefined && { next: `did you mean '${meant}'?` }),
  });
}

function canonicalTag(text: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(text)[0];
  } catch {
    return undefined;
  }
}

function hasData(tag: string): boolean {
  return formatterKinds.every((kind) => kind.supportedLocalesOf(tag).length === 1);
}

/** The two-letter languages the runtime has data for. */
function availableLanguages(): string[] {
  const letters = Array.from({ length: 26 }, (_, position) => String.fromCharCode(97 + position));
  return letters.flatMap((first) => letters.map((second) => first + second)).filter((code) => canonicalTag(code) === code && hasData(code));
}

/** `en_US`, as operating systems write it, or the language's name, in English or its own. */
function meantLanguage(given: string): string | undefined {
  const tag = canonicalTag(given.replace(/\..*$/, '').replaceAll('_', '-'));
  if (tag !== undefined && hasData(tag)) return tag;
  const name = given.toLowerCase();
  const nameIn = (display: string, code: string) => new Intl.DisplayNames(display, { type: 'language' }).of(code)?.toLowerCase();
  return availableLanguages().find((code) => nameIn('en', code) === name || nameIn(code, code) === name);
}
