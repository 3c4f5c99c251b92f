import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { shortened } from '../../core/visible-text.js';
import { readLines } from '../../data/lines.js';
import type { GivenNgrams } from '../../models/ngram/assemble.js';
import { highestOrder } from '../../models/ngram/options.js';
import { impossible, mostNgrams } from '../../models/ngram/tables.js';
import { beginId, endId, unknownId } from '../../text/tokenizer.js';
import { Vocabulary } from '../../text/vocabulary.js';

/** A back-off model as an ARPA file has it. */
export interface ArpaModel {
  /** Words with a space before each, as those of a tokenizer that splits at spaces; `<s>`, `</s>` and `<unk>` are its special tokens. */
  readonly vocabulary: Vocabulary;
  /** Of each order, from unigrams on. */
  readonly ngrams: readonly GivenNgrams[];
}

/**
 * Reads an ARPA file, plain or gzip, as SRILM and KenLM write it: for each order a section of lines with log10 P, the words and, where
 * longer n-grams begin with them, the log10 of the back-off.
 *
 *     \data\
 *     ngram 1=3
 *
 *     \1-grams:
 *     -0.4771213	<s>	-0.30103
 *
 *     \end\
 *
 * @throws DecadeError `input` for what is no such file, naming the line
 */
export async function readArpa(files: Pick<Files, 'stream'>, path: string): Promise<ArpaModel> {
  const reader = new ArpaReader(path);
  for await (const block of readLines(files, path)) for (const line of block) reader.read(line);
  return reader.finish();
}

/** `<s>` and the like, in the spellings that are about. */
const specialWords: Readonly<Record<string, number>> = { '<s>': beginId, '</s>': endId, '<unk>': unknownId, '<UNK>': unknownId };

class ArpaReader {
  readonly #path: string;
  #line = 0;
  /** Of each order, as the header announces them. */
  readonly #announced: number[] = [];
  readonly #sections: Section[] = [];
  #place: 'before' | 'header' | 'section' | 'end' = 'before';
  readonly #words: string[] = [];
  #vocabulary: Vocabulary | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  read(line: string | undefined): void {
    this.#line++;
    if (line === undefined) throw this.#refusal('a line that is not valid UTF-8', 'text in UTF-8');
    // A no-break space is a part of a word, for others too.
    const text = line.replace(/^[\t-\r ]+|[\t-\r ]+$/g, '');
    if (text === '' || this.#place === 'end') return;
    if (text === '\\data\\') this.#place = 'header';
    else if (this.#place === 'before') return;
    else if (text.startsWith('\\')) this.#begin(text);
    else if (this.#place === 'header') this.#announce(text);
    else this.#add(text);
  }

  finish(): ArpaModel {
    if (this.#place !== 'end') {
      const received = this.#place === 'before' ? 'no \\data\\: not an ARPA file' : 'a file that ends before \\end\\';
      throw this.#refusal(received, 'a whole ARPA file', 'copy it again');
    }
    const ids = this.#ids();
    if (!ids.includes(endId)) {
      const received = ids.length === 0 ? 'no unigrams' : 'no unigram </s>';
      throw new DecadeError('input', { where: this.#path, received, allowed: 'a unigram for each word, and </s>, which ends a text' });
    }
    for (const [index, section] of this.#sections.entries()) section.unigramsOf(index === 0 ? ids : undefined);
    const ngrams = this.#sections.map((section) => section.given);
    return { vocabulary: this.#known(), ngrams };
  }

  #announce(text: string): void {
    const [, order, count] = /^ngram\s+(\d+)\s*=\s*(\d+)$/.exec(text) ?? [];
    if (Number(order) !== this.#announced.length + 1) throw this.#refusal(text, `ngram ${this.#announced.length + 1}=COUNT`);
    if (Number(order) > highestOrder) {
      throw this.#refusal(`${order}-grams`, `at most ${highestOrder}-grams`, 'write the model with a lower order');
    }
    if (Number(count) > mostNgrams) throw this.#refusal(text, `at most ${mostNgrams.toLocaleString('en')} of each order`);
    this.#announced.push(Number(count));
  }

  /** `\2-grams:` or `\end\`. */
  #begin(text: string): void {
    const done = this.#sections.length;
    if (done > 0) this.#requireCount(done);
    const next = `\\${done + 1}-grams:`;
    if (text === next && done < this.#announced.length) {
      this.#sections.push(new Section(done + 1));
      this.#place = 'section';
    } else if (text === '\\end\\' && done === this.#announced.length && done > 0) this.#place = 'end';
    else if (this.#announced.length === 0) throw this.#refusal(text, 'ngram 1=COUNT');
    else throw this.#refusal(text, done < this.#announced.length ? next : '\\end\\');
  }

  #requireCount(order: number): void {
    const [found, announced] = [this.#sections[order - 1]?.count, this.#announced[order - 1]];
    if (found !== announced) throw this.#refusal(`${found} ${order}-grams`, `${announced}, as the header says`, 'copy the file again');
  }

  #add(text: string): void {
    const section = this.#sections.at(-1) as Section;
    const { order } = section;
    const fields = text.split(/[\t ]+/);
    const numbers = [fields[0], fields[order + 1] ?? '0'].map(naturalLogarithm);
    const [logProbability = Number.NaN, backOff = Number.NaN] = numbers;
    if (fields.length < order + 1 || fields.length > order + 2 || numbers.some(Number.isNaN)) {
      throw this.#refusal(
        `"${shortened(text)}"`,
        `log10 of a probability, ${order === 1 ? 'a word' : `${order} words`}, perhaps log10 of a back-off`,
      );
    }
    // Rounding may have put it a little above 0.
    if (logProbability > 1e-3 || backOff === Infinity) {
      throw this.#refusal(`"${shortened(text)}"`, 'log10 of a probability, at most 0, and a back-off that is finite');
    }
    const words = fields.slice(1, order + 1);
    if (order === 1) this.#words.push(...words);
    section.add(order === 1 ? [this.#words.length - 1] : words.map((word) => this.#id(word)), logProbability, backOff);
  }

  #id(word: string): number {
    const id = specialWords[word] ?? this.#known().id(` ${word}`);
    if (id !== undefined) return id;
    throw this.#refusal(`"${shortened(word)}"`, 'a word that is a unigram, too');
  }

  #known(): Vocabulary {
    this.#vocabulary ??= new Vocabulary(this.#words.filter((word) => !Object.hasOwn(specialWords, word)).map((word) => ` ${word}`));
    return this.#vocabulary;
  }

  /** Of the unigrams, in the order of their lines. */
  #ids(): number[] {
    const ids = this.#words.map((word) => this.#id(word));
    if (new Set(ids).size === ids.length) return ids;
    const twice = this.#words.find((_, index) => ids.indexOf(ids[index] as number) !== index);
    throw this.#refusal(`the unigram "${shortened(twice ?? '')}" twice`, 'each once');
  }

  #refusal(received: string, allowed: string, next?: string): DecadeError {
    return new DecadeError('input', { where: `${this.#path}: line ${this.#line}`, received, allowed, ...(next !== undefined && { next }) });
  }
}

/** Of a number that is a logarithm to the base of ten; what is said to be impossible stays finite. */
function naturalLogarithm(text: string | undefined): number {
  if (text === '-inf' || text === '-Infinity') return impossible;
  return text === undefined || text === '' ? Number.NaN : Math.max(impossible, Number(text) * Math.LN10);
}

/** n-grams of one order, as they come. */
class Section {
  count = 0;
  #tokens: Int32Array;
  #logProbabilities = new Float32Array(1024);
  #backOffs = new Float32Array(1024);

  constructor(readonly order: number) {
    this.#tokens = new Int32Array(this.#logProbabilities.length * order);
  }

  add(tokens: readonly number[], logProbability: number, backOff: number): void {
    if (this.count === this.#logProbabilities.length) this.#grow();
    this.#tokens.set(tokens, this.count * this.order);
    this.#logProbabilities[this.count] = logProbability;
    this.#backOffs[this.count++] = backOff;
  }

  /** Gives unigrams their ids, which are known when all have been read. */
  unigramsOf(ids: readonly number[] | undefined): void {
    if (ids !== undefined) this.#tokens.set(ids);
  }

  get given(): GivenNgrams {
    return {
      tokens: this.#tokens.subarray(0, this.count * this.order),
      logProbabilities: this.#logProbabilities.subarray(0, this.count),
      backOffs: this.#backOffs.subarray(0, this.count),
    };
  }

  #grow(): void {
    const size = 2 * this.count;
    const grown = { tokens: new Int32Array(size * this.order), logProbabilities: new Float32Array(size), backOffs: new Float32Array(size) };
    grown.tokens.set(this.#tokens.subarray(0, this.count * this.order));
    grown.logProbabilities.set(this.#logProbabilities);
    grown.backOffs.set(this.#backOffs);
    [this.#tokens, this.#logProbabilities, this.#backOffs] = [grown.tokens, grown.logProbabilities, grown.backOffs];
  }
}
