import * as z from 'zod';
import { LstmModel } from './lstm/lstm.js';
import { lstmOptions, withoutEncoder } from './lstm/options.js';
import type { Model, VocabularySizes } from './model.js';
import { transformerOptions } from './transformer/options.js';
import { TransformerModel } from './transformer/transformer.js';

/** Every architecture's options, told apart by `kind`. */
export const modelOptions = z.discriminatedUnion('kind', [lstmOptions, transformerOptions]);
export type ModelOptions = z.output<typeof modelOptions>;

/** Options of the language model that fits the decoder of a translator with these: parameters of one are parameters of the other. */
export function languageModelOptions(options: ModelOptions): ModelOptions {
  // A Transformer without a source declares no encoder by itself.
  return options.kind === 'lstm' ? withoutEncoder(options) : options;
}

/** The architecture that the options name. Its parameters are declared, not yet allocated. */
export function createModel(options: ModelOptions, vocabularies: VocabularySizes): Model {
  switch (options.kind) {
    case 'lstm':
      return new LstmModel(options, vocabularies);
    case 'transformer':
      return new TransformerModel(options, vocabularies);
  }
}
