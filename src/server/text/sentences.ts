/** A stretch of a text: a sentence to translate, or what stands between sentences and is copied. */
export interface Stretch {
  readonly kind: 'sentence' | 'copy';
  readonly text: string;
}

/** Characters of a sentence; a longer one is cut at a space. */
const longestSentence = 800;

/**
 * Cuts a text into sentences. White space other than single spaces is never part of one, so that it survives translation, and neither
 * is what has no letters or digits; all stretches together are the text.
 */
export function stretchesOf(text: string, language: string): Stretch[] {
  const segmenter = segmenterFor(language);
  const stretches: Stretch[] = [];
  const add = (kind: Stretch['kind'], text: string) => {
    if (text !== '') stretches.push({ kind, text });
  };
  for (const [index, piece] of text.split(/([^\S ]\s*|\s{2,})/u).entries()) {
    if (index % 2 === 1) {
      add('copy', piece);
      continue;
    }
    for (const { segment } of segmenter.segment(piece)) {
      for (const sentence of shorter(segment)) {
        const [, before = '', inner = '', after = ''] = /^(\s*)(.*?)(\s*)$/su.exec(sentence) ?? [];
        add('copy', before);
        add(/[\p{L}\p{N}]/u.test(inner) ? 'sentence' : 'copy', inner);
        add('copy', after);
      }
    }
  }
  return stretches;
}

function shorter(sentence: string): string[] {
  const pieces: string[] = [];
  let rest = sentence;
  while (rest.length > longestSentence) {
    const space = rest.lastIndexOf(' ', longestSentence);
    const end = space > 0 ? space + 1 : longestSentence;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...pieces, rest];
}

/** By language: to make one takes longer than to cut a sentence. */
const segmenters = new Map<string, Intl.Segmenter>();

function segmenterFor(language: string): Intl.Segmenter {
  const known = segmenters.get(language) ?? new Intl.Segmenter(knownLocale(language), { granularity: 'sentence' });
  segmenters.set(language, known);
  return known;
}

function knownLocale(language: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(language)[0];
  } catch {
    return undefined;
  }
}
