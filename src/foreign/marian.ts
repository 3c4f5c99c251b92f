import { parse } from 'yaml';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { marianNpz } from './architectures/marian-npz.js';
import { NpzFile } from './containers/npz-file.js';
import type { ForeignModel } from './foreign-model.js';
import type { ForeignVocabulary } from './foreign-vocabulary.js';

const mostConfigurationBytes = 256 * 1024;
const mostVocabularyBytes = 64 * 1024 ** 2;

/** A model of Marian, open, with its tables from piece to id. */
export interface OpenMarian {
  readonly model: ForeignModel;
  readonly tensors: NpzFile;
  readonly tables: { readonly source: ReadonlyMap<string, number>; readonly target: ReadonlyMap<string, number> };
}

/**
 * A folder of Marian, as OPUS-MT publishes them: one `.npz`, one or two `*.vocab.yml`, perhaps `decoder.yml`.
 *
 * @throws DecadeError `input` for a damaged file, and for a model that decade does not have
 */
export async function openMarian(files: Files, path: string): Promise<OpenMarian> {
  const names = await files.list(path);
  const models = names.filter((name) => name.endsWith('.npz'));
  // What is validated best has it in its name.
  const model = models.find((name) => /best/.test(name)) ?? models[0];
  if (model === undefined) throw refused(path, 'a folder without .npz', 'a model of Marian');
  const vocabularies = names.filter((name) => /vocab\.ya?ml$/.test(name)).sort();
  const [first, second = first] = vocabularies;
  if (first === undefined || second === undefined || vocabularies.length > 2) {
    throw refused(path, `${vocabularies.length} files named vocab.yml`, 'one vocabulary, or one for each side');
  }
  const bySide = (side: RegExp, otherwise: string) => vocabularies.find((name) => side.test(name)) ?? otherwise;
  const read = async (name: string) =>
    readTable(await readBoundedText(files, joinPath(path, name), mostVocabularyBytes, 'a vocabulary'), joinPath(path, name));
  const sourceName = bySide(/src|source/, first);
  const targetName = bySide(/trg|tgt|target/, second);
  const source = await read(sourceName);
  const target = sourceName === targetName ? source : await read(targetName);
  const tensors = await NpzFile.open(files, joinPath(path, model));
  try {
    const yaml = await tensors.bytes('special:model.yml', mostConfigurationBytes);
    if (yaml === undefined) throw refused(tensors.path, 'no special:model.yml', 'a model that Marian saved');
    const decoder = names.includes('decoder.yml')
      ? await readBoundedText(files, joinPath(path, 'decoder.yml'), mostConfigurationBytes, 'a configuration')
      : undefined;
    const sizeOf = (table: string, vocabulary: ReadonlyMap<string, number>) =>
      tensors.shapes.get(table)?.[0] ?? tensors.shapes.get('Wemb')?.[0] ?? vocabulary.size;
    const own = {
      source: vocabularyOf(source, sizeOf('encoder_Wemb', source)),
      target: vocabularyOf(target, sizeOf('decoder_Wemb', target)),
    };
    return {
      model: marianNpz(tensors, yamlOf(new TextDecoder().decode(yaml), tensors.path), decoder && yamlOf(decoder, 'decoder.yml'), own),
      tensors,
      tables: { source, target },
    };
  } catch (error) {
    await tensors.close();
    throw error;
  }
}

function vocabularyOf(table: ReadonlyMap<string, number>, size: number): ForeignVocabulary {
  const unknown = table.get('<unk>');
  // Decoding begins with a vector of zeros, which is a token of its own here; to Marian it is none, and has no probability.
  const special = { begin: size, end: table.get('</s>') ?? 0, ...(unknown !== undefined && { unknown }), forbidden: [size] };
  return { size: size + 1, special, added: 1 };
}

/** A line for each piece: `piece: id`, the piece perhaps in quotes. Readers of YAML stumble over some pieces. */
function readTable(text: string, where: string): Map<string, number> {
  const table = new Map<string, number>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === '') continue;
    const [, piece, id] = /^(.*):\s*(\d{1,9})\s*$/su.exec(line) ?? [];
    if (piece === undefined || id === undefined) throw refused(`${where}: line ${index + 1}`, 'no piece and id', '`piece: id`');
    table.set(unquoted(piece), Number(id));
  }
  return table;
}

function unquoted(piece: string): string {
  if (piece.length > 1 && piece.startsWith('"') && piece.endsWith('"')) return doubleQuoted(piece);
  if (piece.length > 1 && piece.startsWith("'") && piece.endsWith("'")) return piece.slice(1, -1).replaceAll("''", "'");
  return piece;
}

/** With the escapes of YAML, which are those of JSON and a few more. */
function doubleQuoted(piece: string): string {
  try {
    return String(parse(piece));
  } catch {
    return piece.slice(1, -1).replace(/\\(.)/gsu, '$1');
  }
}

function yamlOf(text: string, where: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new DecadeError('input', {
      where,
      received: 'no YAML',
      allowed: 'the configuration of Marian',
      next: 'copy the model again',
      cause,
    });
  }
}

function refused(where: string, received: string, allowed: string): DecadeError {
  return new DecadeError('input', { where, received, allowed, next: 'take all files of one model together' });
}
