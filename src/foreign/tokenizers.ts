import * as z from 'zod';
import type { Tokenizers } from '../checkpoint/model-files.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { importTokenizer, isTokenizerFile } from '../text/imported/import-tokenizer.js';
import { loadTokenizer } from '../text/load-tokenizer.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ForeignModel } from './foreign-model.js';
import { readJson } from './json-file.js';
import { targetTokenizerName, tokenizerName } from './written-tokenizers.js';

/** Of one file, and of all files of tokenizers in a folder. */
const mostBytes = 64 * 1024 ** 2;

const vocabularyTable = z.record(z.string(), z.int().nonnegative());
const tokenizerFile = z.looseObject({
  model: z.union([
    z.object({ type: z.literal('Unigram'), unk_id: z.int().nonnegative().nullish() }),
    z.object({ type: z.string().optional(), unk_token: z.string().nullish(), vocab: vocabularyTable.optional() }),
  ]),
});

/** The id of the unknown token in a folder of Hugging Face; undefined where its tokenizer has none. */
export async function unknownIdOf(files: Files, path: string): Promise<number | undefined> {
  const table = joinPath(path, 'vocab.json');
  if ((await files.kind(table)) === 'file') return (await readJson(files, table, vocabularyTable, 'a table of tokens'))['<unk>'];
  const file = joinPath(path, tokenizerName);
  if ((await files.kind(file)) !== 'file') return undefined;
  const { model } = await readJson(files, file, tokenizerFile, 'a tokenizer');
  if (!('unk_token' in model)) return 'unk_id' in model ? (model.unk_id ?? undefined) : undefined;
  return model.unk_token == null ? undefined : model.vocab?.[model.unk_token];
}

/**
 * The tokenizers of the files in a folder, with the ids of its model.
 *
 * @throws DecadeError `input` for files that are damaged, of another model, or not there
 */
export async function folderTokenizers(files: Files, path: string, { source, target }: ForeignModel): Promise<Tokenizers> {
  const found = new Map<string, Uint8Array>();
  let left = mostBytes;
  for (const name of (await files.list(path)).filter((name) => isTokenizerFile(name) || name === targetTokenizerName)) {
    const file = joinPath(path, name);
    left -= await files.size(file);
    if (left < 0) {
      const allowed = `at most ${mostBytes.toLocaleString('en')} in all`;
      throw new DecadeError('input', { where: file, received: 'more bytes of tokenizers', allowed, next: 'take out what is no tokenizer' });
    }
    found.set(name, await files.readBytes(file));
  }
  return (await ownTokenizers(found, path, source !== undefined)) ?? importTokenizer(found, { where: path, source, target });
}

/** Decade's own tokenizers, where `decade export` has written the folder. */
async function ownTokenizers(found: ReadonlyMap<string, Uint8Array>, path: string, hasSource: boolean): Promise<Tokenizers | undefined> {
  const load = async (name: string): Promise<Tokenizer | undefined> => {
    const bytes = found.get(name);
    if (bytes === undefined) return undefined;
    try {
      // What stands around a text, and what none may say, are the model's affair here.
      const file: unknown = JSON.parse(new TextDecoder().decode(bytes));
      const own = { ...z.looseObject({}).parse(file), added_tokens: [], post_processor: null };
      return await loadTokenizer(JSON.stringify(own), joinPath(path, name));
    } catch {
      return undefined;
    }
  };
  const first = await load(tokenizerName);
  if (first === undefined) return undefined;
  return hasSource ? { source: first, target: (await load(targetTokenizerName)) ?? first } : { target: first };
}
