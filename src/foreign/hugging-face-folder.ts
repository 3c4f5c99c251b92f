import { writeSafetensors } from '../checkpoint/safetensors.js';
import { DecadeError } from '../core/errors.js';
import { keyValueColumns, type TransformerOptions } from '../models/transformer/options.js';
import type { NamedValues } from '../tensor/named-values.js';
import type { Architecture } from './architectures/architecture.js';
import { gpt2 } from './architectures/gpt2.js';
import { llama } from './architectures/llama.js';
import { m2m100 } from './architectures/m2m100.js';
import { marian } from './architectures/marian.js';
import { t5 } from './architectures/t5.js';
import { type Counterpart, ExportedValues } from './counterparts.js';
import { configurationName, generationName } from './hugging-face.js';
import { type FolderContents, jsonText } from './written-folder.js';
import { generationOf, type WrittenModel } from './written-model.js';

/** The class of Hugging Face that comes nearest to a model; undefined where one network reads the source and goes on with the target. */
export function nearestArchitecture({ options, source }: WrittenModel): Architecture | undefined {
  if (source === undefined) return options.positions === 'rotary' ? llama : gpt2;
  if (options.encoderLayers === 0) return undefined;
  if (options.positions === 'relative') return t5;
  return options.norm.place === 'post' ? marian : m2m100;
}

/**
 * The class of Hugging Face that is this model.
 *
 * @param where  the run, for messages
 * @throws DecadeError `usage` where none is, naming the options that stand in the way
 */
export function architectureOf(model: WrittenModel, where: string): Architecture {
  const chosen = nearestArchitecture(model);
  if (chosen === undefined) throw withoutEncoder(where);
  const misfits = chosen.misfits(model);
  if (misfits.length === 0) return chosen;
  const received = misfits.map((misfit) => `${misfit.option} ${misfit.received}`).join(', ');
  const has = misfits.map(({ option, allowed }) => `${option} ${allowed}`).join(', ');
  throw new DecadeError('usage', {
    where,
    received,
    allowed: `${chosen.name}, which has ${has}`,
    next:
      onnxMisfits(model.options).length === 0
        ? 'write it with --to onnx, which has these options'
        : 'see docs/imported-models.md for what can be written',
  });
}

/** What graphs of ONNX are not written of. */
export function onnxMisfits({ positions, headWidth, scaledAttention, scaledOutput }: TransformerOptions): string[] {
  return [
    ...(positions === 'relative' ? ['model.positions relative'] : []),
    ...(headWidth === undefined ? [] : [`model.headWidth ${headWidth}`]),
    ...(scaledAttention ? [] : ['model.scaledAttention false']),
    ...(scaledOutput ? ['model.scaledOutput true'] : []),
  ];
}

/** A model of which there is no class at all. */
export function withoutEncoder(where: string): DecadeError {
  return new DecadeError('usage', {
    where,
    received: 'model.encoderLayers 0: one network that reads the source and goes on with the target',
    allowed: 'an encoder, or a model without a source',
    next: 'see docs/imported-models.md for what can be written',
  });
}

/** A folder in Hugging Face's layout: configurations, tensors and the tokenizer files that are given. */
export function huggingFaceFolder(
  model: WrittenModel,
  kind: Architecture,
  values: NamedValues,
  tokenizers: FolderContents = new Map(),
): FolderContents {
  const tensors = new ExportedValues(values, kind.counterparts(model.options), dividedRows(model), kind.zeros(model));
  const configuration = { architectures: [kind.name], model_type: kind.type, ...kind.configuration(model) };
  return new Map([
    [configurationName, jsonText({ ...configuration, dtype: 'float32', torch_dtype: 'float32' })],
    [generationName, jsonText(generationOf(model))],
    ...tokenizers,
    ['model.safetensors', (files, path) => writeSafetensors(files, path, tensors, { format: 'pt' })],
  ]);
}

/** Rows of queries, keys and values; keys and values alone; a gate and what it lets through. */
function dividedRows({ options }: WrittenModel): (part: Counterpart, rows: number) => readonly number[] {
  return ({ name, theirs }, rows) => {
    if (!/\.attention\.projection\./.test(name)) return theirs.map(() => rows / theirs.length);
    const keys = keyValueColumns(options) / 2;
    return name.startsWith('decoder.') ? [rows - 2 * keys, keys, keys] : theirs.map(() => rows / theirs.length);
  };
}
