import { nodeRuntime } from '../../src/node/runtime.js';
import type { Files } from '../../src/core/files.js';
import { ImportedValues } from '../../src/foreign/counterparts.js';
import type { ForeignModel, ForeignTensors } from '../../src/foreign/foreign-model.js';
import { openHuggingFace } from '../../src/foreign/hugging-face.js';
import { ownForm } from '../../src/foreign/parameters.js';
import { createModel } from '../../src/models/create.js';
import { PlacedValues } from '../../src/tensor/named-values.js';
import { openTestDevice } from '../tensor/devices.js';

/** A checkpoint of another library, in memory as a model. */
export async function openModel({ model: foreign, tensors }: { model: ForeignModel; tensors: ForeignTensors }) {
  const form = ownForm(foreign);
  const device = await openTestDevice();
  const model = createModel(form.options, form.vocabularies);
  const values = new ImportedValues(tensors.path, model.parameters.shapes, tensors, foreign.counterparts, foreign, foreign.isUnused);
  model.parameters.allocate(device.memory);
  await PlacedValues.of(model.parameters).fill(values);
  await tensors.close();
  return {
    model,
    device,
    foreign,
    form,
  };
}

export async function openGolden(path: string, files: Files = nodeRuntime.files, unknown?: number) {
  return openModel(await openHuggingFace(files, path, unknown));
}
