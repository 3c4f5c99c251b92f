import * as z from 'zod';
import { byteOfCharacter } from '../byte-level.js';
import { decodedBytes } from '../sentence-piece/sentence-piece.js';
import { byteOf, bytesOfPiece } from './codec.js';
import { type Part, part, type Refuse } from './parts.js';

export interface Decoder {
  join(tokens: readonly string[], continues: boolean): string;
  isByte(token: string): boolean;
  bytes(token: string): Uint8Array;
}

/** A step from tokens to fewer tokens. */
type Step = (tokens: readonly string[], continues: boolean) => string[];

const sequencePart = z.looseObject({ decoders: z.array(part) });
const replacePart = z.looseObject({ pattern: z.object({ String: z.string().min(1) }), content: z.string() });
const stripPart = z.looseObject({ content: z.string().length(1), start: z.int().nonnegative(), stop: z.int().nonnegative() });
const metaspacePart = z.looseObject({
  replacement: z.string().length(1),
  add_prefix_space: z.boolean().optional(),
  prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
});

const utf8 = { encoder: new TextEncoder(), decoder: new TextDecoder('utf-8', { ignoreBOM: true }) };

/** The decoder of a `tokenizer.json`; refuses one that is not known. */
export function decoderOf(given: Part | null | undefined, refuse: Refuse): Decoder {
  if (given?.type === 'ByteLevel') {
    const bytes = (token: string) => bytesOfCharacters(token);
    return {
      join: (tokens) => utf8.decoder.decode(Uint8Array.from(tokens.flatMap((token) => Array.from(bytes(token))))),
      isByte: () => false,
      bytes,
    };
  }
  const step = stepOf(given, refuse);
  return {
    join: (tokens, continues) => step(tokens, continues).join(''),
    isByte: (token) => byteOf(token) !== undefined,
    bytes: bytesOfPiece,
  };
}

/** Added tokens are spelt in plain characters, of which some stand for no byte. */
function bytesOfCharacters(token: string): Uint8Array {
  const bytes = Array.from(token, (character) => byteOfCharacter.get(character));
  return bytes.includes(undefined) ? utf8.encoder.encode(token) : Uint8Array.from(bytes as number[]);
}

function stepOf(given: Part | null | undefined, refuse: Refuse): Step {
  if (given === null || given === undefined) return (tokens) => [tokens.join(' ')];
  const wrong = () => refuse(`decoder ${JSON.stringify(given).slice(0, 80)}`);
  const read = <Schema extends z.ZodType>(schema: Schema): z.output<Schema> => {
    const parsed = schema.safeParse(given);
    return parsed.success ? parsed.data : wrong();
  };
  switch (given.type) {
    case 'Sequence': {
      const steps = read(sequencePart).decoders.map((step) => stepOf(step, refuse));
      return (tokens, continues) => steps.reduce((all, step) => step(all, continues), [...tokens]);
    }
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Replace': {
      const { pattern, content } = read(replacePart);
      return (tokens) => tokens.map((token) => token.replaceAll(pattern.String, () => content));
    }
    case 'ByteFallback':
      return (tokens) => spelt(tokens);
    case 'Strip': {
      const { content, start, stop } = read(stripPart);
      return (tokens, continues) => tokens.map((token) => stripped(token, content, continues ? 0 : start, stop));
    }
    case 'Metaspace': {
      const {
        replacement,
        add_prefix_space: prefixed = true,
        prepend_scheme: scheme = prefixed ? 'always' : 'never',
      } = read(metaspacePart);
      return (tokens, continues) =>
        tokens.map((token, at) => {
          const isPrefixed = at === 0 && !continues && scheme !== 'never' && token.startsWith(replacement);
          return (isPrefixed ? token.slice(replacement.length) : token).replaceAll(replacement, ' ');
        });
    }
    default:
      return wrong();
  }
}

/** Runs of bytes become their characters; where a run is not UTF-8, each of its bytes becomes U+FFFD. */
function spelt(tokens: readonly string[]): string[] {
  const texts: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    const text = decodedBytes(bytes);
    if (bytes.length > 0) texts.push(text.includes('\uFFFD') ? '\uFFFD'.repeat(bytes.length) : text);
    bytes = [];
  };
  for (const token of tokens) {
    const byte = byteOf(token);
    if (byte !== undefined) {
      bytes.push(byte);
      continue;
    }
    flush();
    texts.push(token);
  }
  flush();
  return texts;
}

function stripped(token: string, content: string, start: number, stop: number): string {
  let [from, to] = [0, token.length];
  while (from < Math.min(start, to) && token[from] === content) from++;
  while (token.length - to < stop && to > from && token[to - 1] === content) to--;
  return token.slice(from, to);
}
