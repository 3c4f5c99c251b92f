import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printDescription } from '../../src/checkpoint/model-files.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { createModel, modelOptions } from '../../src/models/create.js';
import { InitialValues } from '../../src/nn/parameters.js';
import { nodeFiles } from '../../src/node/files/files.js';
import type { Tokenizer } from '../../src/text/tokenizer.js';

/** Writes the files of a language model with random parameters, as a run has them: to use it takes no more. */
export async function writeLanguageModel(path: string, tokenizer: Tokenizer, options: object = {}): Promise<void> {
  const model = modelOptions.parse({ kind: 'lstm', layers: 1, hidden: 16, attention: 'none', initialRange: 0.9, ...options });
  const vocabularies = { target: tokenizer.size };
  const { parameters } = createModel(model, vocabularies);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'tokenizer.json'), tokenizer.toJson());
  const tokenizers = { target: 'tokenizer.json' };
  const description = { model, vocabularies, tokenizers, context: 64, weights: 'model.safetensors', seed: 1 };
  writeFileSync(join(path, 'model.json'), printDescription(description));
  await writeSafetensors(nodeFiles, join(path, 'model.safetensors'), new InitialValues(parameters, 1));
}
