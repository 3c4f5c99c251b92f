import { Run } from '../checkpoint/run.js';
import { requireFree } from '../checkpoint/run-files.js';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { createModel } from '../models/create.js';
import { type ConfigurationInput, configurationOf, originOf, printConfiguration } from '../training/configuration.js';
import { importArpa, isArpaName } from './arpa/import.js';
import { ImportedValues } from './counterparts.js';
import { modelName, openCTranslate2 } from './ctranslate2.js';
import type { ForeignModel, ForeignTensors } from './foreign-model.js';
import { configurationName, openHuggingFace } from './hugging-face.js';
import type { ImportedModel, ImportOptions } from './imported-model.js';
import { openMarian } from './marian.js';
import { type OwnForm, ownForm } from './parameters.js';
import { folderTokenizers, unknownIdOf } from './tokenizers.js';

/** A checkpoint, open. */
interface OpenCheckpoint {
  readonly model: ForeignModel;
  readonly tensors: ForeignTensors;
}

/**
 * Makes a run of a model of another library: a folder of Hugging Face, CTranslate2 or Marian, or an ARPA file. The run is written whole or not at all.
 *
 * @throws DecadeError `usage` where something is at `out` already, `input` for a model that decade cannot read or does not have
 */
export async function importModel(files: Files, path: string, { out }: ImportOptions): Promise<ImportedModel> {
  await requireFree(files, out, { continues: false });
  if (isArpaName(path) && (await files.kind(path)) === 'file') return importArpa(files, path, { out });
  const { model: foreign, tensors } = await openCheckpoint(files, path);
  try {
    const form = ownForm(foreign);
    const model = createModel(form.options, form.vocabularies);
    const { shapes } = model.parameters;
    const parameters = new ImportedValues(tensors.path, shapes, tensors, foreign.counterparts, foreign, foreign.isUnused);
    const configuration = configurationOf(configurationFor(foreign, form));
    await Run.create(files, out, {
      configuration: printConfiguration(configuration),
      origin: originOf(configuration),
      tokenizers: await folderTokenizers(files, path, foreign),
      parameters,
      isTrained: true,
    });
    const { source, target } = form.vocabularies;
    return {
      architecture: foreign.architecture,
      description: model.summary.description,
      parameters: model.parameters.count,
      vocabularies: { source, target },
    };
  } finally {
    await tensors.close();
  }
}

async function openCheckpoint(files: Files, path: string): Promise<OpenCheckpoint> {
  const kind = await files.kind(path);
  if (kind !== 'directory') throw refused(path, kind === 'missing' ? 'nothing is there' : 'a file');
  const names = await files.list(path);
  if (names.includes(modelName) && names.some((name) => /vocabulary\.(txt|json)$/.test(name))) return openCTranslate2(files, path);
  if (names.includes(configurationName)) return openHuggingFace(files, path, await unknownIdOf(files, path));
  if (names.some((name) => name.endsWith('.npz'))) return openMarian(files, path);
  throw refused(path, 'a folder of another kind');
}

/** A configuration as for training: whoever fine-tunes the model names data of their own in it. */
function configurationFor({ decoding, positions }: ForeignModel, { options, vocabularies }: OwnForm): ConfigurationInput {
  const isTranslator = vocabularies.source !== undefined;
  return {
    version: 1,
    data: isTranslator
      ? { train: { source: 'train.source', target: 'train.target' } }
      : { train: { text: ['train.txt'] }, context: Math.max(2, Math.min(mostContext, positions ?? mostContext)) },
    tokenizer: { kind: isTranslator ? 'bpe' : 'byte-bpe' },
    model: options,
    ...(Object.keys(decoding).length > 0 && { decoding }),
    // What a trained model can bear.
    training: { optimizer: { kind: 'adam', learningRate: 0.0001 }, clip: { kind: 'norm', max: 1 } },
  };
}

/** Longer contexts than this are asked for by whoever has the memory. */
const mostContext = 1_024;

function refused(where: string, received: string): DecadeError {
  return new DecadeError('input', {
    where,
    received,
    allowed:
      'a folder of Hugging Face (config.json, model.safetensors), CTranslate2 (model.bin, vocabularies) or Marian (.npz, vocab.yml), or an ARPA file (.arpa, .arpa.gz)',
    next: 'see docs/imported-models.md for what can be read',
  });
}
