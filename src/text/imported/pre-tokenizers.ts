import * as z from 'zod';
import { byteLevelPattern } from '../byte-level.js';
import { spaceSymbol } from '../sentence-piece/normalizer.js';
import { type Part, part, type Refuse } from './parts.js';

export interface PreTokenizer {
  /** Puts spaces where they belong. */
  prepare(text: string, isFirst: boolean): string;
  /** Pieces that tile a prepared text and that no token crosses. */
  split(prepared: string): string[];
  /** Whether pieces are spelt in characters that stand for bytes. */
  readonly isByteLevel: boolean;
}

const byteLevelPart = z.looseObject({ add_prefix_space: z.boolean().default(true), use_regex: z.boolean().default(true) });
const metaspacePart = z.looseObject({
  replacement: z.literal(spaceSymbol),
  add_prefix_space: z.boolean().optional(),
  prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
  split: z.boolean().default(true),
});
const splitPart = z.looseObject({
  pattern: z.object({ Regex: z.string() }),
  behavior: z.literal('Isolated'),
  invert: z.literal(false).default(false),
});
const sequencePart = z.looseObject({ pretokenizers: z.array(part) });

const letters = String.raw`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+`;
const rest = String.raw` ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+`;
const published = (digits: string) =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Patterns of known models, as they are published, and in the words of JavaScript. Others are not run. */
const knownPatterns = new Map([
  [String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, byteLevelPattern],
  // Llama 3 and Qwen 2.
  [published(String.raw`\p{N}{1,3}`), new RegExp(`${letters}|\\p{N}{1,3}|${rest}`, 'gu')],
  [published(String.raw`\p{N}`), new RegExp(`${letters}|\\p{N}|${rest}`, 'gu')],
]);

const whole = (text: string): string[] => (text === '' ? [] : [text]);

/** The pre-tokenizer of a `tokenizer.json`; refuses one that is not known. */
export function preTokenizerOf(given: Part | null | undefined, refuse: Refuse): PreTokenizer {
  const unchanged: PreTokenizer = { prepare: (text) => text, split: whole, isByteLevel: false };
  if (given === null || given === undefined) return unchanged;
  const wrong = () => refuse(`pre_tokenizer ${JSON.stringify(given).slice(0, 160)}`);
  const read = <Schema extends z.ZodType>(schema: Schema): z.output<Schema> => {
    const parsed = schema.safeParse(given);
    return parsed.success ? parsed.data : wrong();
  };
  switch (given.type) {
    case 'Sequence': {
      const parts = read(sequencePart).pretokenizers;
      const steps = parts.map((step, place) =>
        step.type === 'WhitespaceSplit' && marksWords(parts[place + 1]) ? words : preTokenizerOf(step, refuse),
      );
      return {
        prepare: (text, isFirst) => steps.reduce((all, step) => step.prepare(all, isFirst), text),
        split: (text) => steps.reduce((pieces, step) => pieces.flatMap((piece) => step.split(piece)), whole(text)),
        isByteLevel: steps.some(({ isByteLevel }) => isByteLevel),
      };
    }
    case 'ByteLevel': {
      const { add_prefix_space: prefixed, use_regex: splits } = read(byteLevelPart);
      return {
        prepare: (text) => (prefixed && text !== '' && !text.startsWith(' ') ? ` ${text}` : text),
        split: splits ? (text) => text.match(byteLevelPattern) ?? [] : whole,
        isByteLevel: true,
      };
    }
    case 'Metaspace': {
      const {
        add_prefix_space: prefixed = true,
        prepend_scheme: scheme = prefixed ? 'always' : 'never',
        split: splits,
      } = read(metaspacePart);
      return {
        prepare(text, isFirst) {
          const spaced = text.replaceAll(' ', spaceSymbol);
          const needsSpace = scheme === 'always' || (scheme === 'first' && isFirst);
          return needsSpace && spaced !== '' && !spaced.startsWith(spaceSymbol) ? spaceSymbol + spaced : spaced;
        },
        split: splits ? (text) => text.match(/\u2581[^\u2581]*|[^\u2581]+/g) ?? [] : whole,
        isByteLevel: false,
      };
    }
    case 'Split': {
      const pattern = knownPatterns.get(read(splitPart).pattern.Regex) ?? wrong();
      return { ...unchanged, split: (text) => tiled(text, pattern) };
    }
    default:
      return wrong();
  }
}

/** Words with a space before each, as T5 cuts a text before its spaces are marked. */
const words: PreTokenizer = {
  prepare: (text) => (text.match(/\P{White_Space}+/gu) ?? []).map((word) => (word.startsWith(spaceSymbol) ? word : ` ${word}`)).join(''),
  split: whole,
  isByteLevel: false,
};

/** Whether what follows puts a mark before every word. */
function marksWords(next: Part | undefined): boolean {
  const { data } = metaspacePart.safeParse(next);
  return (
    next?.type === 'Metaspace' && data?.split === true && (data.prepend_scheme ?? 'always') === 'always' && data.add_prefix_space !== false
  );
}

/** Matches, and what is between them. */
function tiled(text: string, pattern: RegExp): string[] {
  const pieces: string[] = [];
  let end = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    if (index > end) pieces.push(text.slice(end, index));
    pieces.push(match);
    end = index + match.length;
  }
  return end < text.length ? [...pieces, text.slice(end)] : pieces;
}
