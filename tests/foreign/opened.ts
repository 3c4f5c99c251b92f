import { nodeRuntime } from '../../src/node/runtime.js';
import type { Files } from '../../src/core/files.js';
import { ImportedValues } from '../../src/foreign/counterparts.js';
import type { ForeignModel, ForeignTensors } from '../../src/foreign/foreign-model.js';
import { openHuggingFace } from '../../src/foreign/hugging-face.js';
import { ownForm } from '../../src/foreign/parameters.js';
import { createModel } from '../../src/models/create.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { openTestDevice } from '../tensor/devices.js';

/** A checkpoint of another library, in memory as a model; ids in its numbering. */
export async function openModel({ model: foreign, tensors }: { model: ForeignModel; tensors: ForeignTensors }) {
  const form = ownForm(foreign);
  const device = await openTestDevice();
  const model = createModel(form.options, form.vocabularies);
  const values = new ImportedValues(tensors.path, model.parameters.shapes, tensors, foreign.counterparts, foreign, foreign.isUnused);
  model.parameters.allocate(device.memory);
  await PlacedValues.of(model.parameters).fill(values);
  await tensors.close();
  const here = (rows: Int32Array | undefined) => (theirs: readonly number[]) => theirs.map((id) => rows?.indexOf(id) ?? -1);
  return {
    model,
    device,
    foreign,
    form,
    /** The token ids here of ids there. */
    sourceIds: here(foreign.source?.rows),
    targetIds: here(foreign.target.rows),
    /** The ids there of token ids here. */
    theirIds: (ids: ArrayLike<number>) => Array.from(ids, (id) => foreign.target.rows[id] as number),
  };
}

export async function openGolden(path: string, files: Files = nodeRuntime.files, unknown?: number) {
  return openModel(await openHuggingFace(files, path, unknown));
}
