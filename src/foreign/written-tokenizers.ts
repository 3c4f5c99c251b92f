import * as z from 'zod';
import type { Tokenizers } from '../checkpoint/model-files.js';
import { bytesOfBase64 } from '../text/imported/base64.js';
import { ImportedTokenizer } from '../text/imported/imported-tokenizer.js';
import { isSentinel, sentinelIds } from '../text/imported/sentinels.js';
import { SentencePiece } from '../text/sentence-piece/sentence-piece.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { sentencePieceJson } from './sentence-piece-json.js';
import { padOf } from './written-model.js';

export const tokenizerName = 'tokenizer.json';
/** Of a target with a vocabulary of its own; Hugging Face has no name for it. */
export const targetTokenizerName = 'target_tokenizer.json';
const configurationName = 'tokenizer_config.json';

const savedTokenizer = z.object({
  codec: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('sentence-piece'), model: z.string(), tokens: z.array(z.string().nullable()) }),
    z.object({ kind: z.literal('spaced'), tokens: z.array(z.string().nullable()) }),
    z.object({ kind: z.literal('tokenizer-json'), file: z.looseObject({}) }),
  ]),
});

/** Tokenizers as they are to be written. */
export interface WrittenTokenizers extends Tokenizers {
  /** Whether a text that is to be continued begins with `<s>`. */
  readonly begins: boolean;
  /** Whether a text that is to be translated ends with `</s>`, which an LSTM does not read. */
  readonly ends: boolean;
}

type WrittenFiles = Map<string, string | Uint8Array>;

/** The files of tokenizers as Hugging Face names them: what was imported as it was, decade's own as `tokenizer.json`. */
export function tokenizerFiles(tokenizers: WrittenTokenizers, type: string): WrittenFiles {
  const { source, target } = tokenizers;
  const [savedSource, savedTarget] = [savedOf(source ?? target), savedOf(target)];
  if (savedSource?.kind !== 'sentence-piece' || savedTarget?.kind !== 'sentence-piece') return fastTokenizerFiles(tokenizers);
  if (type === 't5') return filesOfT5(savedTarget, target);
  const files: WrittenFiles = new Map();
  const isM2m = type === 'm2m_100';
  files.set(isM2m ? 'sentencepiece.bpe.model' : 'source.spm', bytesOf(savedSource.model));
  if (!isM2m) files.set('target.spm', bytesOf(savedTarget.model));
  files.set('vocab.json', tableOf(savedSource.tokens));
  if (JSON.stringify(savedSource.tokens) !== JSON.stringify(savedTarget.tokens))
    files.set('target_vocab.json', tableOf(savedTarget.tokens));
  files.set(configurationName, configurationOf(target, isM2m ? 'M2M100Tokenizer' : 'MarianTokenizer'));
  return files;
}

/** T5's pieces are in the order of their ids, so it has no table of them, only a list of what stands behind them. */
function filesOfT5(
  { model, tokens }: { readonly model: string; readonly tokens: readonly (string | null)[] },
  tokenizer: Tokenizer,
): WrittenFiles {
  const name = 'spiece.model';
  const bytes = bytesOf(model);
  const pieces = new SentencePiece(bytes, name).size;
  const added = tokens.flatMap((token, id): [string, number][] => (token === null || id < pieces ? [] : [[token, id]]));
  const additional_special_tokens = added
    .map(([token]) => token)
    .filter(isSentinel)
    .reverse();
  const isUsual = json(sentinelIds(additional_special_tokens, pieces)) === json([...added].reverse());
  const configuration = { extra_ids: additional_special_tokens.length, additional_special_tokens };
  return new Map<string, string | Uint8Array>([
    [name, bytes],
    [configurationName, configurationOf(tokenizer, 'T5Tokenizer', configuration)],
    ...(isUsual ? [] : [['added_tokens.json', json(Object.fromEntries(added))] as const]),
    ['special_tokens_map.json', json({ additional_special_tokens })],
  ]);
}

/** As `tokenizer.json`, whatever they were. */
export function fastTokenizerFiles({ source, target, ...around }: WrittenTokenizers): WrittenFiles {
  const files: WrittenFiles = new Map([[tokenizerName, fileOf(source ?? target, around)]]);
  if (source !== undefined && source !== target) files.set(targetTokenizerName, fileOf(target, around));
  files.set(configurationName, configurationOf(target, 'PreTrainedTokenizerFast', { ...(around.begins && { add_bos_token: true }) }));
  return files;
}

function savedOf(tokenizer: Tokenizer): z.output<typeof savedTokenizer>['codec'] | undefined {
  return tokenizer instanceof ImportedTokenizer ? savedTokenizer.parse(tokenizer.saved).codec : undefined;
}

/** A `tokenizer.json`, which puts around a text what decade's models read around it. A file that was imported says that itself. */
function fileOf(tokenizer: Tokenizer, around: { readonly begins: boolean; readonly ends: boolean }): string {
  const saved = savedOf(tokenizer);
  if (saved?.kind === 'tokenizer-json') return json(saved.file);
  const file: { added_tokens?: unknown } =
    saved === undefined
      ? z.looseObject({}).parse(JSON.parse(tokenizer.toJson()))
      : saved.kind === 'spaced'
        ? wordsOf(saved.tokens, tokenizer)
        : sentencePieceJson(bytesOf(saved.model), saved.tokens, tokenizer.special);
  return json({ ...file, ...addedTokensOf(file, tokenizer), ...templateOf(tokenizer, around) });
}

/** Tokens that are no text, so that nobody writes them into one. */
function addedTokensOf({ added_tokens }: { added_tokens?: unknown }, tokenizer: Tokenizer): object {
  if (!Array.isArray(added_tokens) || added_tokens.length > 0) return {};
  const { begin, end, forbidden } = tokenizer.special;
  const as = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const ids = [...new Set([...forbidden, begin, end])].sort((a, b) => a - b);
  return { added_tokens: ids.map((id) => ({ id, content: tokenizer.token(id), ...as })) };
}

function templateOf(tokenizer: Tokenizer, { begins, ends }: { readonly begins: boolean; readonly ends: boolean }): object {
  if (!begins && !ends) return {};
  const { begin, end } = tokenizer.special;
  const special_tokens = [...(begins ? [begin] : []), ...(ends ? [end] : [])].map((id) => ({ id: tokenizer.token(id), ids: [id] }));
  const put = (id: number, type_id: number) => ({ SpecialToken: { id: tokenizer.token(id), type_id } });
  const around = (text: string, type_id: number) => [
    ...(begins ? [put(begin, type_id)] : []),
    { Sequence: { id: text, type_id } },
    ...(ends ? [put(end, type_id)] : []),
  ];
  return {
    post_processor: {
      type: 'TemplateProcessing',
      single: around('A', 0),
      pair: [...around('A', 0), ...around('B', 1)],
      special_tokens: Object.fromEntries(special_tokens.map(({ id, ids }) => [id, { id, ids, tokens: [id] }])),
    },
  };
}

/** Tokens between spaces. */
function wordsOf(tokens: readonly (string | null)[], { special }: Tokenizer): object {
  const vocab = Object.fromEntries(tokens.flatMap((token, id) => (token === null ? [] : [[token, id]])));
  const none = { truncation: null, padding: null, added_tokens: [], normalizer: null, post_processor: null, decoder: null };
  const unknown = special.unknown === undefined ? '<unk>' : (tokens[special.unknown] ?? '<unk>');
  return {
    version: '1.0',
    ...none,
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: {
      type: 'WordLevel',
      vocab: { ...vocab, ...(special.unknown !== undefined && { [unknown]: special.unknown }) },
      unk_token: unknown,
    },
  };
}

function configurationOf(tokenizer: Tokenizer, tokenizer_class: string, more: object = {}): string {
  const { special } = tokenizer;
  const pad = padOf(special);
  const named: Readonly<Record<string, number | undefined>> = {
    bos_token: special.begin,
    eos_token: special.end,
    unk_token: special.unknown,
    pad_token: pad === special.begin && !special.forbidden.includes(pad) ? undefined : pad,
  };
  const names = Object.entries(named).flatMap(([name, id]) => (id === undefined ? [] : [[name, tokenizer.token(id)]]));
  return json({ tokenizer_class, ...Object.fromEntries(names), ...more });
}

function tableOf(tokens: readonly (string | null)[]): string {
  return json(Object.fromEntries(tokens.flatMap((token, id) => (token === null ? [] : [[token, id]]))));
}

function bytesOf(base64: string): Uint8Array {
  return bytesOfBase64(base64, (received) => {
    throw new Error(received);
  });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 1)}\n`;
}
