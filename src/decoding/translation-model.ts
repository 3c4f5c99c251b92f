import type { StepModel } from '../models/model.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** All that translating text needs: a model and the tokenizers it was trained with. */
export interface TranslationModel {
  /** For messages: the run's directory. */
  readonly name: string;
  readonly model: StepModel;
  readonly sourceTokenizer: Tokenizer;
  readonly targetTokenizer: Tokenizer;
}
