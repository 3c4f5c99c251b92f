import * as z from 'zod';
import type { Tokenizers } from '../checkpoint/model-files.js';
import { bytesOfBase64 } from '../text/imported/base64.js';
import { ImportedTokenizer } from '../text/imported/imported-tokenizer.js';
import { endId, type SpecialIds, specialTokens, type Tokenizer } from '../text/tokenizer.js';
import { padOf } from './hugging-face-class.js';

export const tokenizerName = 'tokenizer.json';
/** Of a target with a vocabulary of its own; Hugging Face has no name for it. */
export const targetTokenizerName = 'target_tokenizer.json';

const savedTokenizer = z.object({
  codec: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('sentence-piece'), model: z.string(), tokens: z.array(z.string().nullable()) }),
    z.object({ kind: z.literal('spaced'), tokens: z.array(z.string().nullable()) }),
    z.object({ kind: z.literal('tokenizer-json'), file: z.looseObject({}) }),
  ]),
});

type WrittenFiles = Map<string, string | Uint8Array>;

/** The files of tokenizers as Hugging Face names them: what was imported as it was, decade's own as `tokenizer.json`. */
export function tokenizerFiles({ source, target }: Tokenizers, isM2m: boolean): WrittenFiles {
  const files: WrittenFiles = new Map();
  const [savedSource, savedTarget] = [savedOf(source ?? target), savedOf(target)];
  if (savedSource?.kind === 'sentence-piece' && savedTarget?.kind === 'sentence-piece') {
    files.set(isM2m ? 'sentencepiece.bpe.model' : 'source.spm', bytesOf(savedSource.model));
    if (!isM2m) files.set('target.spm', bytesOf(savedTarget.model));
    files.set('vocab.json', tableOf(savedSource.tokens));
    if (JSON.stringify(savedSource.tokens) !== JSON.stringify(savedTarget.tokens))
      files.set('target_vocab.json', tableOf(savedTarget.tokens));
    files.set('tokenizer_config.json', configurationOf(target, isM2m ? 'M2M100Tokenizer' : 'MarianTokenizer'));
    return files;
  }
  files.set(tokenizerName, fileOf(source ?? target, source !== undefined));
  if (source !== undefined && source !== target) files.set(targetTokenizerName, fileOf(target, true));
  files.set('tokenizer_config.json', configurationOf(target, 'PreTrainedTokenizerFast'));
  return files;
}

function savedOf(tokenizer: Tokenizer): z.output<typeof savedTokenizer>['codec'] | undefined {
  return tokenizer instanceof ImportedTokenizer ? savedTokenizer.parse(tokenizer.saved).codec : undefined;
}

/** A `tokenizer.json`. `ends`: the text of a source is ended, as decade's models read it. */
function fileOf(tokenizer: Tokenizer, ends: boolean): string {
  const saved = savedOf(tokenizer);
  if (saved?.kind === 'tokenizer-json') return json(saved.file);
  if (saved !== undefined) return json(wordsOf(saved.tokens, tokenizer));
  const file: unknown = JSON.parse(tokenizer.toJson());
  const end = specialTokens[endId];
  const sequence = (id: string, type_id: number) => [{ Sequence: { id, type_id } }, { SpecialToken: { id: end, type_id } }];
  const post_processor = {
    type: 'TemplateProcessing',
    single: sequence('A', 0),
    pair: [...sequence('A', 0), ...sequence('B', 1)],
    special_tokens: { [end]: { id: end, ids: [endId], tokens: [end] } },
  };
  return json({ ...z.looseObject({}).parse(file), ...(ends && { post_processor }) });
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

function configurationOf(tokenizer: Tokenizer, tokenizer_class: string): string {
  const { special } = tokenizer;
  const named: Readonly<Record<string, number | undefined>> = {
    bos_token: special.begin,
    eos_token: special.end,
    unk_token: special.unknown,
    pad_token: padIdOf(special),
  };
  const names = Object.entries(named).flatMap(([name, id]) => (id === undefined ? [] : [[name, tokenizer.token(id)]]));
  return json({ tokenizer_class, ...Object.fromEntries(names) });
}

function padIdOf(special: SpecialIds): number | undefined {
  const pad = padOf(special);
  return pad === special.begin && !special.forbidden.includes(pad) ? undefined : pad;
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
