import type { StepModel } from '../models/model.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { WordList } from '../text/word-list.js';

/** What turns text into ids and back. */
export interface TranslationTokenizers {
  readonly sourceTokenizer: Tokenizer;
  readonly targetTokenizer: Tokenizer;
  /** The words of the source that training has shown; undefined for a model of which nobody noted them. */
  readonly sourceWords?: WordList | undefined;
  /** How long its lines may be, and whether it searches by itself. */
  readonly model?: Pick<StepModel, 'lengthLimits' | 'sentenceSearch'> | undefined;
}

/** All that translating text needs: a model and the tokenizers it was trained with. */
export interface TranslationModel extends TranslationTokenizers {
  /** For messages: the run's directory. */
  readonly name: string;
  readonly model: StepModel;
}
