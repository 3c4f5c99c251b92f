import type { Pipeline } from './pipeline.js';
import type { Beginning, DecodeOptions, Encoding, Tokenizer } from './tokenizer.js';
import { endId, ownSpecialIds, specialTokens, unknownId } from './tokenizer.js';
import { Vocabulary } from './vocabulary.js';

/** Words of more characters than this are never in a vocabulary (they are addresses and accidents). */
export const longestWord = 100;

/** Whole words or single characters, each one token; what is not in the vocabulary is `<unk>`, as in 2014. */
export class ClosedVocabularyTokenizer implements Tokenizer {
  readonly special = ownSpecialIds;

  constructor(
    readonly kind: 'word' | 'character',
    private readonly pipeline: Pipeline,
    private readonly vocabulary: Vocabulary,
  ) {}

  get size(): number {
    return this.vocabulary.size;
  }

  normalise(text: string): string {
    return this.pipeline.normalise(text);
  }

  encode(text: string): number[] {
    return this.pipeline.pieces(this.normalise(text)).map((piece) => this.vocabulary.id(piece) ?? unknownId);
  }

  /** The same, with more pieces behind those that it has; each only once. */
  with(pieces: readonly string[]): ClosedVocabularyTokenizer {
    const own = Array.from({ length: this.size - specialTokens.length }, (_, index) => this.token(specialTokens.length + index));
    return new ClosedVocabularyTokenizer(this.kind, this.pipeline, new Vocabulary([...own, ...pieces]));
  }

  /** The pieces of a text that it does not have. */
  lacking(text: string): string[] {
    return this.pipeline.pieces(this.normalise(text)).filter((piece) => this.vocabulary.id(piece) === undefined);
  }

  encodeWithOffsets(text: string): Encoding {
    const encoding: Encoding = { ids: [], offsets: [] };
    let position = -this.pipeline.prefixLength;
    for (const piece of this.pipeline.pieces(this.normalise(text))) {
      const end = position + piece.length;
      encoding.ids.push(this.vocabulary.id(piece) ?? unknownId);
      encoding.offsets.push(piece.length > 1 && piece.startsWith(' ') ? position + 1 : position, end);
      position = end;
    }
    return encoding;
  }

  encodeBeginning(text: string): Beginning | undefined {
    const beginning = this.pipeline.beginning(text);
    const ids = this.encode(beginning);
    if (ids.length === 0) return undefined;
    if (this.kind === 'character' && beginning.endsWith(' ') && !this.pipeline.isVerbatim) ids.push(this.vocabulary.id(' ') ?? unknownId);
    return { ids, text: beginning };
  }

  decode(ids: ArrayLike<number>, { unknown, beginning }: DecodeOptions = {}): string {
    const space = this.pipeline.prefixLength === 1 ? ' ' : '';
    let text = beginning === undefined ? '' : space + beginning.text;
    for (let position = beginning?.ids.length ?? 0; position < ids.length; position++) {
      const id = ids[position] as number;
      const token = this.vocabulary.token(id);
      if (id === unknownId) text += space + (unknown?.(position) ?? '⁇');
      else if (id > endId) text += token;
    }
    return this.pipeline.join(text);
  }

  isUnknown(id: number): boolean {
    return id === unknownId;
  }

  bytes(id: number): Uint8Array {
    return new TextEncoder().encode(id <= unknownId ? '' : this.token(id));
  }

  token(id: number): string {
    return this.vocabulary.token(id);
  }

  /**
   * The model is written as a `WordPiece` without continuations, which is a table of whole pieces; the `WordLevel` of
   * Hugging Face means the same, but the reference in JavaScript has no such model.
   */
  toJson(): string {
    return this.pipeline.toJson({
      type: 'WordPiece',
      unk_token: specialTokens[unknownId],
      continuing_subword_prefix: '##',
      max_input_chars_per_word: longestWord,
      vocab: this.vocabulary.toJson(),
    });
  }
}
