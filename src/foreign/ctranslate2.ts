import * as z from 'zod';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { ctranslate2 } from './architectures/ctranslate2.js';
import { CTranslate2File } from './containers/ctranslate2-file.js';
import type { ForeignModel } from './foreign-model.js';
import type { ForeignVocabulary } from './foreign-vocabulary.js';
import { readJson } from './json-file.js';

export const modelName = 'model.bin';
const mostVocabularyBytes = 64 * 1024 ** 2;

const configuration = z.looseObject({
  unk_token: z.string().default('<unk>'),
  bos_token: z.string().default('<s>'),
  eos_token: z.string().default('</s>'),
  decoder_start_token: z.string().nullish(),
  add_source_bos: z.boolean().default(false),
  add_source_eos: z.boolean().default(false),
  layer_norm_epsilon: z.number().positive().max(0.1).nullish(),
});
type Configuration = z.output<typeof configuration>;

/** A model of CTranslate2, open, with the tokens of its vocabularies in its order. */
export interface OpenCTranslate2 {
  readonly model: ForeignModel;
  readonly tensors: CTranslate2File;
  readonly tokens: { readonly source: readonly string[] | undefined; readonly target: readonly string[] };
}

/** @throws DecadeError `input` for a damaged file, and for a model that decade does not have */
export async function openCTranslate2(files: Files, path: string): Promise<OpenCTranslate2> {
  const where = joinPath(path, 'config.json');
  const given =
    (await files.kind(where)) === 'file'
      ? await readJson(files, where, configuration, 'the configuration of a model')
      : configuration.parse({});
  if (given.add_source_bos) throw refused(where, 'add_source_bos true', 'sources without a start token');
  const tensors = await CTranslate2File.open(files, joinPath(path, modelName));
  try {
    const hasSource = [...tensors.shapes.keys()].some((name) => name.startsWith('encoder/'));
    const shared = await readTokens(files, path, hasSource ? ['shared_vocabulary'] : ['vocabulary', 'shared_vocabulary']);
    const target = shared ?? (await readTokens(files, path, ['target_vocabulary']));
    const source = hasSource ? (shared ?? (await readTokens(files, path, ['source_vocabulary']))) : undefined;
    if (target === undefined || (hasSource && source === undefined)) {
      throw refused(path, 'no vocabulary', 'shared_vocabulary, or source_vocabulary and target_vocabulary, as .txt or .json');
    }
    const own = withUnknown(target, given);
    const tokens = { source: source === target ? own : source && withUnknown(source, given), target: own };
    const startsFromZero = await tensors.option('decoder/start_from_zero_embedding');
    const facts = {
      source: tokens.source && vocabularyOf(tokens.source, given, shared === undefined ? undefined : startsFromZero),
      target: vocabularyOf(tokens.target, given, startsFromZero),
      epsilon: given.layer_norm_epsilon ?? undefined,
      sourceEnd: given.add_source_eos,
      beginPrompts: tokens.target.includes(given.bos_token),
    };
    return { model: await ctranslate2(tensors, facts), tensors, tokens };
  } catch (error) {
    await tensors.close();
    throw error;
  }
}

/** CTranslate2 puts the unknown token behind a vocabulary that lacks it. */
function withUnknown(tokens: readonly string[], { unk_token }: Configuration): readonly string[] {
  return tokens.includes(unk_token) ? tokens : [...tokens, unk_token];
}

function vocabularyOf(tokens: readonly string[], given: Configuration, startsFromZero: number | undefined): ForeignVocabulary {
  const idOf = (name: string | null | undefined) => {
    const id = tokens.indexOf(name ?? '');
    return id < 0 ? undefined : id;
  };
  const [unknown, end] = [idOf(given.unk_token), idOf(given.eos_token)];
  if (unknown === undefined || end === undefined) throw refused('vocabulary', `no ${given.eos_token}`, 'the token that ends a text');
  // A start token that the vocabulary lacks is an unknown one to CTranslate2; a start from zeros is a token of its own here.
  const begin = startsFromZero ? tokens.length : (idOf(given.decoder_start_token ?? given.bos_token) ?? unknown);
  const forbidden = [idOf('<blank>'), idOf('<pad>'), begin].flatMap((id) => (id === undefined || id === end || id === unknown ? [] : [id]));
  const added = startsFromZero ? 1 : 0;
  return { size: tokens.length + added, special: { begin, end, unknown, forbidden: [...new Set(forbidden)] }, added };
}

/** A token a line, or a list; no token is trimmed. Undefined where no such file is there. */
async function readTokens(files: Files, path: string, names: readonly string[]): Promise<readonly string[] | undefined> {
  for (const name of names) {
    const text = joinPath(path, `${name}.txt`);
    if ((await files.kind(text)) === 'file') {
      const lines = (await readBoundedText(files, text, mostVocabularyBytes, 'a vocabulary')).split('\n');
      return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
    }
    const json = joinPath(path, `${name}.json`);
    if ((await files.kind(json)) === 'file') return readJson(files, json, z.array(z.string()), 'a list of tokens');
  }
  return undefined;
}

function refused(where: string, received: string, allowed: string): DecadeError {
  return new DecadeError('input', { where, received, allowed, next: 'take all files of one model together' });
}
