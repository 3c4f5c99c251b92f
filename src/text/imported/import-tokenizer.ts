import * as yaml from 'yaml';
import * as z from 'zod';
import { DecadeError } from '../../core/errors.js';
import { decodeUtf8 } from '../../core/utf8.js';
import { SentencePiece } from '../sentence-piece/sentence-piece.js';
import type { SpecialIds, Tokenizer } from '../tokenizer.js';
import type { NamedTokens } from './imported-tokenizer.js';
import type { Refuse } from './parts.js';
import { ofSentencePiece, ofSpaced, ofTokenizerJson, type TokenizerSettings } from './read-imported.js';
import { sentinelIds } from './sentinels.js';
import { tokensById } from './token-table.js';
import { readTokenizerJson } from './tokenizer-json.js';

/** What a checkpoint says of one of its vocabularies. */
export interface CheckpointVocabulary {
  /** Rows of its embeddings. Default: as many as tokens. */
  readonly size?: number | undefined;
  /** Ids that it names. Default: those of tokens that are called as usual, such as `</s>`. */
  readonly special?: Partial<SpecialIds> | undefined;
}

export interface ImportedCheckpoint {
  /** The folder or file, for errors. */
  readonly where: string;
  /** Undefined for a language model. */
  readonly source?: CheckpointVocabulary | undefined;
  readonly target: CheckpointVocabulary;
}

/** The tokenizers of a checkpoint; one object twice where both sides share it. */
export interface ImportedTokenizers {
  readonly source?: Tokenizer | undefined;
  readonly target: Tokenizer;
}

/** Whether a file of a model folder may be one that its tokenizers are made of. */
export function isTokenizerFile(name: string): boolean {
  return tokenizerFile.test(name);
}

const tokenizerFile =
  /\.(spm|model)$|vocab(ulary)?\.(json|yml|txt)$|^(tokenizer\.json|merges\.txt|added_tokens\.json|special_tokens_map\.json)$/;

/** Files of a model folder by name. */
export type TokenizerFiles = ReadonlyMap<string, Uint8Array>;

/**
 * The tokenizers of a model folder, with the checkpoint's own ids:
 *
 * - Marian and M2M100: SentencePiece models (`source.spm`, `target.spm`, `sentencepiece.bpe.model`) beside a table of ids (`vocab.json`,
 *   `target_vocab.json`, Marian's `*.vocab.yml`, CTranslate2's `*vocabulary.txt` or `.json`)
 * - `tokenizer.json`, or GPT-2's `vocab.json` and `merges.txt`
 * - a SentencePiece model alone (Llama, T5)
 * - a table of ids alone: text whose tokens are parted by spaces (CTranslate2)
 *
 * @throws DecadeError `input` for files that are damaged, not supported or not there
 */
export function importTokenizer(files: TokenizerFiles, { where, source, target }: ImportedCheckpoint): ImportedTokenizers {
  const folder = new TokenizerFolder(files, where);
  const lines = source !== undefined;
  const made = folder.tokenizer('target', target, lines);
  if (source === undefined) return { target: made };
  const other = folder.tokenizer('source', source, lines);
  return other.toJson() === made.toJson() ? { source: made, target: made } : { source: other, target: made };
}

type Side = 'source' | 'target';
const table = z.record(z.string(), z.int().nonnegative());

class TokenizerFolder {
  constructor(
    private readonly files: TokenizerFiles,
    private readonly where: string,
  ) {}

  tokenizer(side: Side, vocabulary: CheckpointVocabulary, lines: boolean): Tokenizer {
    const model = this.#named(side === 'source' ? ['source.spm'] : ['target.spm']) ?? this.#sentencePiece(side);
    const ids = this.#named(tableNames(side)) ?? this.#matching(/vocab\.yml$/, side);
    if (model !== undefined && ids !== undefined && !this.files.has('merges.txt')) {
      const piece = new SentencePiece(this.files.get(model) as Uint8Array, this.#path(model));
      const refuse = this.#refuser(ids);
      const isMarian = !model.endsWith('.bpe.model');
      const entries = [...this.#table(ids), ...this.#added()];
      const tokens = tokensById(isMarian ? entries : this.#withLanguages(entries), vocabulary.size, refuse);
      const named = isMarian ? 'marian' : 'm2m100';
      return ofSentencePiece(piece, tokens, settings(tokens, vocabulary, { named, lines }, refuse), refuse);
    }
    if (this.files.has('tokenizer.json')) {
      return this.#foreign('tokenizer.json', this.#json('tokenizer.json'), vocabulary, lines);
    }
    if (this.files.has('vocab.json') && this.files.has('merges.txt'))
      return this.#foreign('vocab.json', this.#byteLevel(), vocabulary, lines);
    if (model !== undefined) {
      const piece = new SentencePiece(this.files.get(model) as Uint8Array, this.#path(model));
      const refuse = this.#refuser(model);
      const pieces = Array.from({ length: piece.size }, (_, id) => [piece.piece(id) ?? '', id] as const);
      const listed = this.#added();
      const added = [...listed, ...(listed.length === 0 ? sentinelIds(this.#additional(), piece.size) : [])];
      const tokens = tokensById([...pieces, ...added], vocabulary.size, refuse);
      const named = added.map(([token]) => token);
      return ofSentencePiece(piece, tokens, settings(tokens, vocabulary, { named, lines }, refuse), refuse);
    }
    if (ids === undefined) return this.#refuser()('no tokenizer');
    const refuse = this.#refuser(ids);
    const tokens = tokensById(this.#table(ids), vocabulary.size, refuse);
    return ofSpaced(tokens, settings(tokens, vocabulary, { named: [], lines }, refuse), refuse);
  }

  #foreign(name: string, contents: unknown, vocabulary: CheckpointVocabulary, lines: boolean): Tokenizer {
    const refuse = this.#refuser(name);
    const foreign = readTokenizerJson(contents, vocabulary.size, refuse);
    const unknown = foreign.unknownToken === undefined ? undefined : foreign.tokens.indexOf(foreign.unknownToken);
    const special = { ...(unknown !== undefined && unknown >= 0 && { unknown }), ...vocabulary.special };
    const all = settings(foreign.tokens, { ...vocabulary, special }, { named: [], lines }, refuse);
    const { begin, end, forbidden } = all.special;
    const silent = new Set([begin, end, all.special.unknown, ...forbidden]);
    // A text that says `<s>` does not mean the token.
    const named = foreign.addedTokens.filter((token) => !silent.has(foreign.tokens.indexOf(token)));
    return ofTokenizerJson(foreign, contents, { ...all, named }, refuse);
  }

  /** GPT-2's two files as one `tokenizer.json`. */
  #byteLevel(): unknown {
    const lines = this.#text('merges.txt').split('\n');
    const merges = lines.filter((line, at) => line !== '' && !(at === 0 && line.startsWith('#version')));
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    const vocab = Object.fromEntries(this.#table('vocab.json'));
    return {
      version: '1.0',
      added_tokens: this.#added().map(([content, id]) => ({ id, content, special: true })),
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: { type: 'BPE', vocab, merges: merges.map((line) => line.replace(/\r$/, '').split(' ')) },
    };
  }

  #sentencePiece(side: Side): string | undefined {
    return this.#matching(/\.spm$/, side) ?? this.#matching(/\.model$/, side);
  }

  /** The file of a side where there are two, named after it or in the order of the alphabet; the only one where there is one. */
  #matching(pattern: RegExp, side: Side): string | undefined {
    const found = [...this.files.keys()].filter((name) => pattern.test(name)).sort();
    const own = found.find((name) => name.startsWith(side));
    return own ?? (found.length > 1 && side === 'target' ? found[1] : found[0]);
  }

  #named(names: readonly string[]): string | undefined {
    return names.find((name) => this.files.has(name));
  }

  #table(name: string): [string, number][] {
    const refuse = this.#refuser(name);
    const text = this.#text(name);
    // A token may be a character that is not seen, so nothing is trimmed.
    if (name.endsWith('.txt')) return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n').map((token, id) => [token, id]);
    let contents: unknown;
    try {
      contents = name.endsWith('.json') ? JSON.parse(text) : yaml.parse(text, { maxAliasCount: 0 });
    } catch (cause) {
      return refuse('a file that is damaged or cut short', cause);
    }
    const list = z.array(z.string()).safeParse(contents);
    if (list.success) return list.data.map((token, id) => [token, id]);
    const ids = table.safeParse(contents);
    return ids.success ? Object.entries(ids.data) : refuse('no table of tokens and ids');
  }

  #added(): [string, number][] {
    return this.files.has('added_tokens.json') ? this.#table('added_tokens.json') : [];
  }

  /** M2M100's languages stand behind its table, in the order in which its special tokens are listed. */
  #withLanguages(entries: readonly [string, number][]): [string, number][] {
    const known = new Set(entries.map(([token]) => token));
    const languages = this.#additional().filter((token) => !known.has(token));
    return [...entries, ...languages.map((token, place): [string, number] => [token, entries.length + place])];
  }

  /** What the folder lists as special tokens of its own. */
  #additional(): string[] {
    const name = 'special_tokens_map.json';
    const listed = z
      .looseObject({ additional_special_tokens: z.array(z.union([z.string(), z.looseObject({ content: z.string() })])) })
      .safeParse(this.files.has(name) ? this.#json(name) : {});
    const tokens = listed.data?.additional_special_tokens ?? [];
    return tokens.map((token) => (typeof token === 'string' ? token : token.content));
  }

  #json(name: string): unknown {
    try {
      return JSON.parse(this.#text(name));
    } catch (cause) {
      return this.#refuser(name)('invalid or truncated JSON', cause);
    }
  }

  #text(name: string): string {
    return decodeUtf8(this.files.get(name) as Uint8Array, this.#path(name));
  }

  #path(name: string): string {
    return `${this.where}/${name}`;
  }

  #refuser(name?: string): Refuse {
    return (received, cause) => {
      throw new DecadeError('input', {
        where: name === undefined ? this.where : this.#path(name),
        received,
        allowed: 'SentencePiece models, a tokenizer.json (BPE or unigram), vocab.json with merges.txt, or a table of tokens',
        next: 'take all files of the model folder together',
        cause,
      });
    };
  }
}

function tableNames(side: Side): string[] {
  const own =
    side === 'target'
      ? ['target_vocab.json', 'target_vocabulary.json', 'target_vocabulary.txt']
      : ['source_vocabulary.json', 'source_vocabulary.txt'];
  return [...own, 'vocab.json', 'shared_vocabulary.json', 'shared_vocabulary.txt', 'vocabulary.json', 'vocabulary.txt'];
}

/** The usual names of special tokens, for what a checkpoint does not say. */
function settings(
  tokens: readonly (string | null)[],
  { special = {} }: CheckpointVocabulary,
  rest: { readonly named: NamedTokens; readonly lines: boolean },
  refuse: Refuse,
): TokenizerSettings {
  const idOf = (...names: string[]): number | undefined => names.map((name) => tokens.indexOf(name)).find((id) => id >= 0);
  const end = special.end ?? idOf('</s>', '<|endoftext|>', '<eos>') ?? refuse('a vocabulary without </s>');
  const begin = special.begin ?? idOf('<s>', '<bos>') ?? end;
  const unknown = special.unknown ?? idOf('<unk>');
  const silent = [idOf('<pad>'), idOf('<blank>'), begin].filter((id) => id !== undefined && id !== end) as number[];
  const forbidden = special.forbidden ?? [...new Set(silent)];
  return { ...rest, special: { begin, end, ...(unknown !== undefined && { unknown }), forbidden } };
}
