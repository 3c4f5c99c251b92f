import { turns } from '../core/event-loop.js';
import { requireList } from '../core/lists.js';
import type { AttendedToken, StepModel } from '../models/model.js';
import type { Device } from '../tensor/device.js';
import { endId, specialTokens, type Tokenizer } from '../text/tokenizer.js';
import { attentionWeights } from './attention-weights.js';
import { type DecodingOptions, resolveDecodingOptions } from './options.js';
import { encodeLine, type LineLimit, lineLimit, sourceLimit } from './source-line.js';
import type { TranslateOptions } from './translator.js';

/** One kind of attention of a model to a text, by layer and head. */
export interface AttentionView {
  /** For captions: `cross-attention`. */
  readonly name: string;
  /** Tokens that look: of what was written, the token that was written by looking. */
  readonly rows: readonly string[];
  /** Tokens that are looked at. */
  readonly columns: readonly string[];
  /** For each layer and head [rows, columns], row after row; each row sums to 1. */
  readonly layers: readonly (readonly Float32Array[])[];
}

/** A model that looks, with what turns its ids into text. */
export interface AttendingModel {
  readonly model: Pick<StepModel, 'attentionReader' | 'decode' | 'lengthLimits' | 'sentenceSearch' | 'vocabularies'>;
  /** Undefined for a language model. */
  readonly sourceTokenizer?: Tokenizer | undefined;
  readonly targetTokenizer: Tokenizer;
}

/**
 * What a model looks at while it writes a translation of each line; a language model, the line itself. Nothing for an empty line and for
 * a model without attention.
 *
 * @param written  the translations; undefined for a language model
 */
export async function attentionViews(
  model: AttendingModel,
  device: Device,
  lines: readonly string[],
  written: readonly { readonly ids: ArrayLike<number> }[] | undefined,
  { maximumSourceLength, signal }: Pick<TranslateOptions, 'maximumSourceLength' | 'signal'>,
): Promise<AttentionView[][]> {
  requireList('lines', lines);
  const options = resolveDecodingOptions({ maximumSourceLength });
  // What it reads the attention of must be there.
  await model.model.sentenceSearch?.open();
  const turn = turns();
  const views: AttentionView[][] = [];
  for (const [index, text] of lines.entries()) {
    await turn();
    signal?.throwIfAborted();
    const { sourceTokenizer, targetTokenizer } = model;
    const limit = sourceTokenizer === undefined ? targetLimit(options, model.model) : sourceLimit(options, model.model);
    const { ids } = encodeLine(sourceTokenizer ?? targetTokenizer, text, index + 1, limit);
    const pair = sourceTokenizer === undefined ? { source: [], target: ids } : { source: ids, target: written?.[index]?.ids ?? [] };
    views.push(ids.length === 0 ? [] : viewsOf(model, device, text, pair));
  }
  return views;
}

function targetLimit({ maximumSourceLength }: DecodingOptions, { lengthLimits }: AttendingModel['model']): LineLimit {
  return lineLimit(maximumSourceLength, 'maximumSourceLength', lengthLimits && lengthLimits.target(0) - 1);
}

function viewsOf(
  { model, sourceTokenizer, targetTokenizer }: AttendingModel,
  device: Device,
  source: string,
  pair: { readonly source: ArrayLike<number>; readonly target: ArrayLike<number> },
): AttentionView[] {
  const ofSource = sourceTokenizer === undefined ? [] : surfaces(sourceTokenizer, source);
  const texts = (tokens: readonly AttendedToken[]) => {
    let before = 0;
    return tokens.map(({ side, id }) => {
      if (side === 'target') return written(targetTokenizer, id);
      const surface = ofSource[before++];
      return id === sourceTokenizer?.special.end || surface === undefined ? specialTokens[endId] : surface;
    });
  };
  return attentionWeights(model, device, pair).map(({ name, queries, keys, layers }) => ({
    name,
    rows: texts(queries),
    columns: texts(keys),
    layers,
  }));
}

/** Tokens as they stand in the text. */
function surfaces(tokenizer: Tokenizer, text: string): string[] {
  const normalised = tokenizer.normalise(text);
  const { ids, offsets } = tokenizer.encodeWithOffsets(text);
  return ids.map((_, token) => normalised.slice(offsets[2 * token], offsets[2 * token + 1]));
}

/** A token as text; one that is a part of a character, or special, as the vocabulary has it. */
function written(tokenizer: Tokenizer, id: number): string {
  const text = new TextDecoder().decode(tokenizer.bytes(id)).trim();
  return text === '' || text.includes('\uFFFD') ? tokenizer.token(id).trim() : text;
}
