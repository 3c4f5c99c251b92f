import { baseOf } from '../text/language-detection.js';
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
