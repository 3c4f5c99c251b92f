import * as z from 'zod';
import { CharacterMap } from '../sentence-piece/character-map.js';
import { bytesOfBase64 } from './base64.js';
import { type Part, part, type Refuse } from './parts.js';

const replacePart = z.looseObject({
  pattern: z.union([z.object({ String: z.string().min(1) }), z.object({ Regex: z.string() })]),
  content: z.string(),
});
const sequencePart = z.looseObject({ normalizers: z.array(part) });
const prependPart = z.looseObject({ prepend: z.string() });
const precompiledPart = z.looseObject({ precompiled_charsmap: z.string() });

type Normalize = (text: string) => string;

/** Patterns that known files have. Others are not run: one that was made for it never ends. */
const knownPatterns = new Map([
  [' {2,}', / {2,}/g],
  ['\\s+', /\p{White_Space}+/gu],
  ['\\p{White_Space}+', /\p{White_Space}+/gu],
]);

/** The normalizer of a `tokenizer.json`; refuses one that is not known. */
export function normalizerOf(given: Part | null | undefined, refuse: Refuse): Normalize {
  if (given === null || given === undefined) return (text) => text;
  const wrong = () => refuse(`normalizer ${JSON.stringify(given).slice(0, 80)}`);
  const read = <Schema extends z.ZodType>(schema: Schema): z.output<Schema> => {
    const parsed = schema.safeParse(given);
    return parsed.success ? parsed.data : wrong();
  };
  switch (given.type) {
    case 'Sequence': {
      const steps = read(sequencePart).normalizers.map((step) => normalizerOf(step, refuse));
      return (text) => steps.reduce((all, step) => step(all), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = given.type;
      return (text) => text.normalize(form);
    }
    case 'Lowercase':
      return (text) => text.toLowerCase();
    case 'Prepend': {
      const { prepend } = read(prependPart);
      return (text) => (text === '' ? '' : prepend + text);
    }
    case 'Replace': {
      const { pattern, content } = read(replacePart);
      const found = 'String' in pattern ? pattern.String : knownPatterns.get(pattern.Regex);
      if (found === undefined) return wrong();
      return (text) => text.replaceAll(found, () => content);
    }
    case 'Precompiled': {
      const bytes = bytesOfBase64(read(precompiledPart).precompiled_charsmap, refuse);
      return bytes.length === 0 ? (text) => text : precompiled(new CharacterMap(bytes, refuse));
    }
    default:
      return wrong();
  }
}

/**
 * A SentencePiece character map as `tokenizers` applies it: to whole graphemes of fewer than six bytes, else to characters, and by the
 * shortest rule that begins them.
 */
function precompiled(map: CharacterMap): Normalize {
  const encoder = new TextEncoder();
  const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  const replaced = (chunk: string) => map.find(encoder.encode(chunk), 0, { shortest: true })?.text;
  return (text) => {
    let normalised = '';
    for (const { segment } of graphemes.segment(text)) {
      const whole = encoder.encode(segment).length < 6 ? replaced(segment) : undefined;
      if (whole !== undefined) normalised += whole;
      else for (const character of segment) normalised += replaced(character) ?? character;
    }
    return normalised;
  };
}
