import * as z from 'zod';
import { DecadeError } from '../core/errors.js';
import { type Files, joinPath } from '../core/files.js';
import { shortened } from '../core/visible-text.js';
import { type GenerationConfiguration, generationConfiguration } from './architectures/configuration.js';
import { gpt2 } from './architectures/gpt2.js';
import { llama } from './architectures/llama.js';
import { m2m100 } from './architectures/m2m100.js';
import { marian } from './architectures/marian.js';
import { mt5, t5 } from './architectures/t5.js';
import { SafetensorsFolder } from './containers/safetensors-folder.js';
import type { ForeignModel } from './foreign-model.js';
import { checked, readJson } from './json-file.js';

export const configurationName = 'config.json';
export const generationName = 'generation_config.json';

const anyConfiguration = z.looseObject({ model_type: z.string() });

const architectures = [marian, m2m100, gpt2, llama, t5, mt5];

/** Why an architecture that is often asked for cannot be read. */
const reasons: Readonly<Record<string, string>> = {
  umt5: 'UMT5, whose every layer has relative biases of its own',
  bart: 'BART, which normalises its embeddings',
  mbart: 'mBART, which normalises its embeddings',
};

/** A folder in Hugging Face's layout, open. */
export interface OpenFolder {
  readonly model: ForeignModel;
  readonly tensors: SafetensorsFolder;
}

/**
 * Reads what a folder in Hugging Face's layout says of its model, and opens its tensors.
 *
 * @param unknown  the id of the unknown token in its numbering, where there is one
 * @throws DecadeError `input` for a model that decade does not have, naming what stands in the way
 */
export async function openHuggingFace(files: Files, path: string, unknown: number | undefined): Promise<OpenFolder> {
  const where = joinPath(path, configurationName);
  const configuration = await readJson(files, where, anyConfiguration, 'the configuration of a model');
  const { model_type: type } = configuration;
  const architecture = architectures.find((each) => each.type === type);
  if (architecture === undefined) {
    throw new DecadeError('input', {
      where: `${where}: model_type`,
      received: reasons[type] ?? `"${shortened(type)}"`,
      allowed: architectures.map((each) => each.type).join(', '),
      next: 'see docs/imported-models.md for what can be read',
    });
  }
  const generation = await readGeneration(files, path, configuration, where);
  const tensors = await SafetensorsFolder.open(files, path);
  try {
    return { model: architecture.read(configuration, { where, generation, unknown, names: [...tensors.shapes.keys()] }), tensors };
  } catch (error) {
    await tensors.close();
    throw error;
  }
}

/** Older files have all in `config.json`. */
async function readGeneration(files: Files, path: string, configuration: unknown, where: string): Promise<GenerationConfiguration> {
  const older = checked(configuration, where, generationConfiguration, 'the configuration of a model');
  const file = joinPath(path, generationName);
  if ((await files.kind(file)) !== 'file') return older;
  const newer = await readJson(files, file, generationConfiguration, 'a configuration of generation');
  const given = Object.entries(newer).filter(([, value]) => value !== null && value !== undefined);
  return { ...older, ...Object.fromEntries(given) };
}
