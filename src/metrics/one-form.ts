/** Texts to compare, whose lists need not be parallel; `undefined` where a sentence has fewer references than others. */
export interface ComparedTexts {
  readonly hypotheses: readonly string[];
  readonly references: readonly (readonly (string | undefined)[])[];
}

/**
 * Texts in one canonical form (Unicode Standard Annex #15): where a character is spelt in two ways, as `é` and as `e` with a
 * combining accent, all are brought to the form of the references, which is NFD when all of them are in it, and else NFC.
 * Where none is, as in text of one form, all stay as they are, and with them sacreBLEU's figures: it compares code points.
 */
export function inOneForm({ hypotheses, references }: ComparedTexts): ComparedTexts {
  const texts = () => present([hypotheses, ...references]);
  if (areIn('NFC', texts()) || areIn('NFD', texts()) || !areSpeltDifferently(texts())) return { hypotheses, references };
  const form = areIn('NFD', present(references)) ? 'NFD' : 'NFC';
  return {
    hypotheses: hypotheses.map((text) => text.normalize(form)),
    references: references.map((set) => set.map((text) => text?.normalize(form))),
  };
}

function* present(lists: ComparedTexts['references']): Generator<string> {
  for (const list of lists) for (const text of list) if (text !== undefined) yield text;
}

function areIn(form: 'NFC' | 'NFD', texts: Iterable<string>): boolean {
  for (const text of texts) if (text.normalize(form) !== text) return false;
  return true;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const beyondAscii = /[^\0-\x7F]/;

/** Whether a character has two spellings. Some, as U+0958, are in neither form, and yet written by all in the same way. */
function areSpeltDifferently(texts: Iterable<string>): boolean {
  const spellings = new Map<string, string>();
  for (const text of texts) {
    if (!beyondAscii.test(text)) continue;
    for (const { segment } of segmenter.segment(text)) {
      const composed = segment.normalize('NFC');
      const known = spellings.get(composed);
      if (known === undefined) spellings.set(composed, segment);
      else if (known !== segment) return true;
    }
  }
  return false;
}
