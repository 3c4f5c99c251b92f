import { openWeights, readModelTokenizers } from '../checkpoint/model-files.js';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { type DecodingDefaults, decodingDefaults } from '../decoding/options.js';
import { specialIds, type VocabularySizes } from '../models/model.js';
import type { TransformerOptions } from '../models/transformer/options.js';
import { describeRun } from '../training/run-description.js';
import type { WrittenModel } from './hugging-face-class.js';
import { writeArpa } from './arpa/export.js';
import { classFor, writeFolder } from './hugging-face-folder.js';
import { checked } from './json-file.js';
import { tokenizerFiles } from './written-tokenizers.js';

/** Positions of a model that has no limit of its own, as Marian's configurations name them. */
const usualPositions = 512;

export interface ExportOptions {
  /** The folder to write, where nothing may be yet; the ARPA file, which appears or replaces the one there when it is whole. */
  readonly out: string;
  /** A folder in Hugging Face's layout, of a Transformer, or a file of n-grams. Default: hf. */
  readonly to?: 'hf' | 'arpa' | undefined;
}

export interface ExportedModel {
  /** The class of Hugging Face: `MarianMTModel`; `ARPA`. */
  readonly architecture: string;
  readonly files: readonly string[];
}

/**
 * Writes the model of a run as others read it, whole or not at all.
 *
 * @throws DecadeError `usage` where something is at the `out` of a folder, and for a model that the format cannot hold
 */
export async function exportModel(files: Files, run: string, { out, to = 'hf' }: ExportOptions): Promise<ExportedModel> {
  if (to === 'arpa') {
    await writeArpa(files, run, out);
    return { architecture: 'ARPA', files: [out] };
  }
  const described = await describeRun(files, run);
  const { model: options, vocabularies, context } = described;
  if (options.kind !== 'transformer') {
    throw new DecadeError('usage', {
      where: run,
      received: `model.kind ${options.kind}`,
      allowed: `transformer: Hugging Face has no class of ${options.kind === 'lstm' ? 'LSTMs' : 'n-grams'}`,
      ...(options.kind === 'ngram' && { next: 'write an ARPA file with --to arpa' }),
    });
  }
  const decoding = checked(described.decoding ?? {}, `${run}: decoding`, decodingDefaults, 'options of decoding');
  const model = writtenModel(options, vocabularies, decoding, context);
  const kind = classFor(model, run);
  await requireNothing(files, out);
  const tokenizers = tokenizerFiles(await readModelTokenizers(files, run, described), kind.type === 'm2m_100');
  const values = await openWeights(files, run, described.weights);
  try {
    return { architecture: kind.name, files: await writeFolder(files, out, { model, kind, values, tokenizers }) };
  } finally {
    await values.close();
  }
}

async function requireNothing(files: Files, path: string): Promise<void> {
  const kind = await files.kind(path);
  if (kind === 'missing' || (kind === 'directory' && (await files.list(path)).length === 0)) return;
  const received = kind === 'file' ? 'a file' : 'a directory that contains other files';
  throw new DecadeError('usage', { where: path, received, allowed: 'a new directory', next: 'choose another --out' });
}

/** What is to be written of a model, with the ids that it has here. */
export function writtenModel(
  options: TransformerOptions,
  vocabularies: VocabularySizes,
  decoding: DecodingDefaults = {},
  positions = usualPositions,
): WrittenModel {
  const special = specialIds(vocabularies);
  const { source, target } = vocabularies;
  return {
    options,
    source: source === undefined ? undefined : { size: source, special: special.source },
    target: { size: target, special: special.target },
    decoding,
    positions,
  };
}
