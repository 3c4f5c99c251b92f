import * as z from 'zod';
import type { Counting, Spill } from './counting.js';
import { LstmModel } from './lstm/lstm.js';
import { lstmOptions, withoutEncoder } from './lstm/options.js';
import type { Model, VocabularySizes } from './model.js';
import { NgramCounting } from './ngram/counting.js';
import { NgramModel } from './ngram/ngram.js';
import { countedNgramOptions, ngramOptions } from './ngram/options.js';
import { PhraseCounting } from './phrase/counting.js';
import { countedPhraseOptions, phraseOptions } from './phrase/options.js';
import { PhraseModel } from './phrase/phrase.js';
import { transformerOptions } from './transformer/options.js';
import { TransformerModel } from './transformer/transformer.js';

const learntByGradients = [lstmOptions, transformerOptions] as const;

/** Every architecture's options, told apart by `kind`, as they are configured. */
export const modelOptions = z.discriminatedUnion('kind', [...learntByGradients, ngramOptions, phraseOptions]);
/** What a model is made from: its options, and where it is counted what was counted. */
export const createdModelOptions = z.discriminatedUnion('kind', [...learntByGradients, countedNgramOptions, countedPhraseOptions]);
export type ModelOptions = z.output<typeof createdModelOptions>;

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
    case 'ngram':
      return new NgramModel(options, vocabularies);
    case 'phrase':
      return new PhraseModel(options, vocabularies);
  }
}

/** Whether a model of these options is counted, in one reading and without updates. */
export function isCounted({ kind }: ModelOptions): boolean {
  return kind === 'ngram' || kind === 'phrase';
}

/** Whether a model of these options is only for pairs, or only for text; undefined: for either. */
export function onlyFor({ kind }: ModelOptions): 'pairs' | 'text' | undefined {
  return kind === 'phrase' ? 'pairs' : kind === 'ngram' ? 'text' : undefined;
}

/** What counts a model of these options; undefined where `isCounted` is false: others learn by gradients. */
export function createCounting(options: ModelOptions, vocabularies: VocabularySizes, spill: Spill): Counting<ModelOptions> | undefined {
  switch (options.kind) {
    case 'ngram':
      return new NgramCounting(options, vocabularies, spill);
    case 'phrase':
      return new PhraseCounting(options, vocabularies, spill);
    default:
      return undefined;
  }
}
