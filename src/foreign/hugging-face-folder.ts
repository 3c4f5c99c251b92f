import { writeSafetensors } from '../checkpoint/safetensors.js';
import { writeTextFile } from '../checkpoint/whole-files.js';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { temporaryNameFor } from '../core/unfinished.js';
import { keyValueColumns } from '../models/transformer/session.js';
import type { NamedValues } from '../tensor/named-values.js';
import { gpt2Class } from './architectures/gpt2.js';
import { llamaClass } from './architectures/llama.js';
import { m2m100Class } from './architectures/m2m100.js';
import { marianClass } from './architectures/marian.js';
import { type Counterpart, ExportedValues } from './counterparts.js';
import { configurationName, generationName } from './hugging-face.js';
import { type HuggingFaceClass, languageModelIds, padOf, type WrittenModel } from './hugging-face-class.js';

/**
 * The class of Hugging Face that is this model.
 *
 * @param where  the run, for messages
 * @throws DecadeError `usage` where none is, naming the options that stand in the way
 */
export function classFor(model: WrittenModel, where: string): HuggingFaceClass {
  const { options, source } = model;
  if (source !== undefined && options.encoderLayers === 0) {
    throw refused(
      where,
      'model.encoderLayers 0: one network that reads the source and goes on with the target',
      'an encoder, or a model without a source',
    );
  }
  const chosen =
    source === undefined
      ? options.positions === 'rotary'
        ? llamaClass
        : gpt2Class
      : options.norm.place === 'post'
        ? marianClass
        : m2m100Class;
  const misfits = chosen.misfits(model);
  if (misfits.length === 0) return chosen;
  const received = misfits.map((misfit) => `${misfit.option} ${misfit.received}`).join(', ');
  throw refused(where, received, `${chosen.name}, which has ${misfits.map(({ option, allowed }) => `${option} ${allowed}`).join(', ')}`);
}

/**
 * Writes a folder in Hugging Face's layout: configurations, tensors and tokenizer files. It appears whole or not at all.
 *
 * @param tokenizers  names and contents of further files
 * @returns the names of all files
 */
export async function writeFolder(
  files: Files,
  path: string,
  written: { model: WrittenModel; kind: HuggingFaceClass; values: NamedValues; tokenizers: ReadonlyMap<string, string | Uint8Array> },
): Promise<string[]> {
  const { model, kind, values, tokenizers } = written;
  const tensors = new ExportedValues(values, kind.counterparts(model.options), dividedRows(model), kind.zeros(model));
  const temporary = temporaryNameFor(path.replace(/(.)\/+$/, '$1'));
  const texts = new Map<string, string | Uint8Array>([
    [
      configurationName,
      json({ architectures: [kind.name], model_type: kind.type, ...kind.configuration(model), dtype: 'float32', torch_dtype: 'float32' }),
    ],
    [generationName, json(generationOf(model))],
    ...tokenizers,
  ]);
  await files.makeDirectory(temporary);
  try {
    for (const [name, contents] of texts) {
      if (typeof contents === 'string') await writeTextFile(files, joinPath(temporary, name), contents);
      else await writeBytes(files, joinPath(temporary, name), contents);
    }
    await writeSafetensors(files, joinPath(temporary, 'model.safetensors'), tensors, { format: 'pt' });
    await files.syncDirectory(temporary);
    await files.removeIfEmpty(path);
    await files.rename(temporary, path);
    return [...texts.keys(), 'model.safetensors'];
  } catch (error) {
    await files.remove(temporary).catch(() => undefined);
    throw error;
  }
}

async function writeBytes(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const writer = await files.create(path);
  try {
    await writer.write(bytes);
    await writer.sync();
  } finally {
    await writer.close();
  }
}

/** Rows of queries, keys and values; keys and values alone; a gate and what it lets through. */
function dividedRows({ options }: WrittenModel): (part: Counterpart, rows: number) => readonly number[] {
  return ({ name, theirs }, rows) => {
    if (!/\.attention\.projection\./.test(name)) return theirs.map(() => rows / theirs.length);
    const keys = keyValueColumns(options) / 2;
    return name.startsWith('decoder.') ? [rows - 2 * keys, keys, keys] : theirs.map(() => rows / theirs.length);
  };
}

function generationOf({ source, target, decoding, positions }: WrittenModel): Readonly<Record<string, unknown>> {
  const { begin, end, forbidden } = target.special;
  if (source === undefined) return { ...languageModelIds(target.special), max_length: positions };
  const { beam = 5, beamWidth, stopping, lengthPenalty, maximumLength, forbidRepeats } = decoding;
  return {
    bos_token_id: begin,
    eos_token_id: end,
    pad_token_id: padOf(target.special),
    decoder_start_token_id: begin,
    forced_eos_token_id: end,
    bad_words_ids: forbidden.map((id) => [id]),
    num_beams: beam,
    max_length: maximumLength === undefined ? 512 : maximumLength + 2,
    ...(beamWidth === 'constant' && stopping !== undefined && { early_stopping: { exact: 'never', likely: false, first: true }[stopping] }),
    ...(lengthPenalty?.alpha !== undefined && { length_penalty: lengthPenalty.alpha }),
    ...(forbidRepeats !== undefined && forbidRepeats > 0 && { no_repeat_ngram_size: forbidRepeats }),
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function refused(where: string, received: string, allowed: string): DecadeError {
  return new DecadeError('usage', { where, received, allowed, next: 'see docs/imported-models.md for what can be written' });
}
