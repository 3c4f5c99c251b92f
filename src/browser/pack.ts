import type { PackContents, PackedSummary } from '../packed/pack.js';
import { dividedOptions } from './engine.js';
import { requireRun, type TrainedRun } from './trained-run.js';
import { askTrainer } from './trainer.js';

export type PackOptions = PackContents;

/** A packed model to save under a name that ends in `.decade`. */
export interface PackedModelFile extends PackedSummary {
  readonly blob: Blob;
}

/**
 * Packs what `train` returned into one file, as `decade pack` does: everything that the model needs, nothing executable.
 *
 * @example
 * const { blob } = await pack(run, { precision: 'int8' });
 * link.href = URL.createObjectURL(blob);
 *
 * @throws DecadeError `usage` for wrong options, `input` for a run without a model
 */
export async function pack(run: Pick<TrainedRun, 'files'>, options: PackOptions = {}): Promise<PackedModelFile> {
  const { signal, options: given } = dividedOptions('pack options', options);
  return askTrainer<PackedModelFile>({ kind: 'pack', files: requireRun('run', run), options: given, listeners: [] }, { signal });
}
