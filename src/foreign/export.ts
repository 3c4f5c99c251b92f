import { openWeights, readModelTokenizers } from '../checkpoint/model-files.js';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { type DecodingDefaults, decodingDefaults } from '../decoding/options.js';
import { withMountedRun } from '../packed/mounted-runs.js';
import { describeRun } from '../training/run-description.js';
import { writeArpa } from './arpa/export.js';
import { architectureOf, huggingFaceFolder } from './hugging-face-folder.js';
import { checked } from './json-file.js';
import { onnxFolder } from './onnx/onnx-folder.js';
import { requireNothing, writeFolder } from './written-folder.js';
import { writtenModel } from './written-model.js';
import { tokenizerFiles, type WrittenTokenizers } from './written-tokenizers.js';

/**
 * `hf`: tensors of a class of Hugging Face, of a Transformer; `onnx`: graphs that ONNX Runtime runs, laid out as transformers.js loads
 * them; `arpa`: a file of n-grams.
 */
export const exportFormats = ['hf', 'onnx', 'arpa'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportOptions {
  /** The folder to write, where nothing may be yet; the ARPA file, which appears or replaces the one there when it is whole. */
  readonly out: string;
  /** Default: `hf`. */
  readonly to?: ExportFormat | undefined;
}

export interface ExportedModel {
  /** The class of Hugging Face, `MarianMTModel`; for ONNX what the graphs are, `Transformer`; `ARPA`. */
  readonly architecture: string;
  readonly files: readonly string[];
}

/**
 * Writes the model of a run, packed or not, as others read it, whole or not at all.
 *
 * @throws DecadeError `usage` where something is at the `out` of a folder, and for a model that the format cannot hold
 */
export async function exportModel(files: Files, run: string, { out, to = 'hf' }: ExportOptions): Promise<ExportedModel> {
  if (to === 'arpa') {
    await writeArpa(files, run, out);
    return { architecture: 'ARPA', files: [out] };
  }
  await requireNothing(files, out);
  return withMountedRun(files, run, async (mounted, path) => {
    const described = await describeRun(mounted, path);
    const { model: options, vocabularies, context } = described;
    if (options.kind !== 'lstm' && options.kind !== 'transformer') {
      throw refused(run, options.kind, 'lstm or transformer', 'write n-grams as an ARPA file with --to arpa');
    }
    const decoding: DecodingDefaults = checked(described.decoding ?? {}, `${run}: decoding`, decodingDefaults, 'options of decoding');
    const made = await readModelTokenizers(mounted, path, described);
    const hasSource = vocabularies.source !== undefined;
    const tokenizers: WrittenTokenizers = {
      ...made,
      begins: !hasSource && (options.kind === 'lstm' || options.beginPrompts),
      ends: hasSource && options.kind === 'transformer' && options.sourceEnd,
    };
    const values = await openWeights(mounted, path, described.weights);
    try {
      if (to === 'onnx') {
        const { kind, contents } = onnxFolder(writtenModel(options, vocabularies, decoding, context), values, tokenizers, run);
        await writeFolder(files, out, contents);
        return { architecture: kind, files: [...contents.keys()] };
      }
      if (options.kind !== 'transformer') {
        throw refused(run, options.kind, 'transformer: Hugging Face has no class of LSTMs', 'write it with --to onnx');
      }
      const model = writtenModel(options, vocabularies, decoding, context);
      const kind = architectureOf(model, run);
      const contents = huggingFaceFolder(model, kind, values, tokenizerFiles(tokenizers, kind.type));
      await writeFolder(files, out, contents);
      return { architecture: kind.name, files: [...contents.keys()] };
    } finally {
      await values.close();
    }
  });
}

function refused(run: string, kind: string, allowed: string, next: string): DecadeError {
  return new DecadeError('usage', { where: run, received: `model.kind ${kind}`, allowed, next });
}
