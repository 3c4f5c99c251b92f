import type { NgramTable } from '../../models/ngram/tables.js';
import type { SpecialIds, Tokenizer } from '../../text/tokenizer.js';

/** Lines that are written at once. */
const linesAtOnce = 8_192;

/**
 * The text of an ARPA file, piece by piece, as SRILM and KenLM read it: log10 P, a tab, the tokens with a space between, and but for
 * the highest order a tab and the log10 of the back-off.
 *
 * @param tables  of each order, from unigrams on
 */
export function* arpaText(tables: readonly NgramTable[], tokenizer: Pick<Tokenizer, 'size' | 'special' | 'token'>): Generator<string> {
  const words = arpaWords(tokenizer);
  const counts = arpaCounts(
    tables.map(({ logProbabilities }) => logProbabilities.length),
    tokenizer,
  );
  yield `\\data\\\n${counts.map((count, index) => `ngram ${index + 1}=${count}\n`).join('')}`;
  for (const [index, { logProbabilities, backOffs }] of tables.entries()) {
    const order = index + 1;
    const path = new PathOf(tables, order);
    let lines = [`\n\\${order}-grams:\n`];
    for (let place = 0; place < logProbabilities.length; place++) {
      const tokens = path.tokens(place);
      if (order === 1 && isLeftOut(place, tokenizer)) continue;
      const backOff = backOffs === undefined ? '' : `\t${logarithm(backOffs[place] as number)}`;
      lines.push(`${logarithm(logProbabilities[place] as number)}\t${tokens.map((token) => words[token]).join(' ')}${backOff}\n`);
      if (lines.length < linesAtOnce) continue;
      yield lines.join('');
      lines = [];
    }
    yield lines.join('');
  }
  yield '\n\\end\\\n';
}

/**
 * The n-grams of each order that a file has: tokens that no text contains, as `<pad>`, are left out.
 *
 * @param ngrams  those of the tables
 */
export function arpaCounts(ngrams: readonly number[], tokenizer: Pick<Tokenizer, 'special'>): number[] {
  const { special } = tokenizer;
  const leftOut = special.forbidden.filter((token) => isLeftOut(token, tokenizer)).length;
  return ngrams.map((count, index) => (index === 0 ? count - leftOut : count));
}

function isLeftOut(token: number, { special }: Pick<Tokenizer, 'special'>): boolean {
  return special.forbidden.includes(token) && token !== special.begin;
}

/** To the base of ten, with the digits that a 32-bit float has. */
function logarithm(natural: number): string {
  return String(Number((natural / Math.LN10).toPrecision(7)));
}

/** What stands at the places of one order, asked for one after the other. */
class PathOf {
  readonly #tables: readonly NgramTable[];
  /** Of each order up to this one the place that was reached. */
  readonly #places: number[];

  constructor(tables: readonly NgramTable[], order: number) {
    this.#tables = tables.slice(0, order);
    this.#places = new Array<number>(order).fill(0);
  }

  tokens(place: number): number[] {
    const last = this.#places.length - 1;
    this.#places[last] = place;
    for (let index = last - 1; index >= 0; index--) {
      const { extensions } = this.#tables[index] as NgramTable;
      const of = this.#places[index + 1] as number;
      while ((extensions?.[(this.#places[index] as number) + 1] ?? Infinity) <= of) {
        this.#places[index] = (this.#places[index] as number) + 1;
      }
    }
    return this.#places.map((of, index) => this.#tables[index]?.tokens?.[of] ?? of);
  }
}

/**
 * The tokens of a vocabulary as words without the white space of ASCII, at which readers split. Where all of them carry the space before a word that is left out: such text
 * was split at spaces. Elsewhere it is `▁`, as in SentencePiece, and other white space is spelt in bytes: `<0x0A>`.
 */
function arpaWords(tokenizer: Pick<Tokenizer, 'size' | 'special' | 'token'>): string[] {
  const { size, special } = tokenizer;
  const named = new Map(namesOf(special));
  const ids = Array.from({ length: size }, (_, id) => id);
  const tokens = ids.map((id) => tokenizer.token(id));
  const areWords = ids.every((id) => named.has(id) || special.forbidden.includes(id) || /^ [^\t-\r ]+$/.test(tokens[id] as string));
  return ids.map((id) => {
    const text = tokens[id] as string;
    return (
      named.get(id) ??
      (areWords ? text.trimStart() : text.replace(/[\t-\r ▁]/g, (character) => (character === ' ' ? '▁' : bytes(character))))
    );
  });
}

function namesOf({ begin, end, unknown }: SpecialIds): [id: number, name: string][] {
  return [[begin, '<s>'], [end, '</s>'], ...(unknown === undefined ? [] : [[unknown, '<unk>'] as [number, string]])];
}

function bytes(character: string): string {
  return Array.from(new TextEncoder().encode(character), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`).join('');
}
