import * as z from 'zod';
import type { Tokenizers } from '../checkpoint/model-files.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import type { ForeignModel } from './foreign-model.js';
import { readJson } from './json-file.js';

const vocabularyTable = z.record(z.string(), z.int().nonnegative());
const tokenizerFile = z.looseObject({
  model: z.looseObject({ unk_token: z.string().nullish(), vocab: vocabularyTable.optional() }),
});

/** The id of the unknown token in the numbering of a folder of Hugging Face; undefined where its tokenizer has none. */
export async function unknownIdOf(files: Files, path: string): Promise<number | undefined> {
  const table = joinPath(path, 'vocab.json');
  if ((await files.kind(table)) === 'file') return (await readJson(files, table, vocabularyTable, 'a table of tokens'))['<unk>'];
  const file = joinPath(path, 'tokenizer.json');
  if ((await files.kind(file)) !== 'file') return undefined;
  const { model } = await readJson(files, file, tokenizerFile, 'a tokenizer');
  return model.unk_token == null ? undefined : model.vocab?.[model.unk_token];
}

/** The tokenizers of a folder of Hugging Face or Marian. */
export async function folderTokenizers(_files: Files, path: string, _model: ForeignModel, _tables?: unknown): Promise<Tokenizers> {
  throw new DecadeError('input', { where: path, received: 'no tokenizer that can be read' });
}

export async function listTokenizers(_files: Files, path: string, _model: ForeignModel, _tokens: unknown): Promise<Tokenizers> {
  throw new DecadeError('input', { where: path, received: 'no tokenizer that can be read' });
}
