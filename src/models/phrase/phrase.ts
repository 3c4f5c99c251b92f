import { DecadeError } from '../../core/errors.js';
import { ParameterStore } from '../../nn/parameters.js';
import type {
  DecodingMemory,
  DecodingSession,
  Model,
  PairLosses,
  TranslationSearch,
  TranslationSearcher,
  VocabularySizes,
} from '../model.js';
import { declareTables } from '../ngram/tables.js';
import type { ModelSummary } from '../summary.js';
import type { PhraseOptions } from './options.js';
import { declarePhraseTables } from './tables.js';
import { featuresOf, weightsName } from './weights.js';

/**
 * Phrase-based translation (Koehn, Och and Marcu 2003). Its phrase table, the tables of its language model and the weights of its
 * features are its parameters, so that it is stored, packed, shared between threads and loaded as any other model. It searches whole
 * sentences, and its scores are no probabilities.
 */
export class PhraseModel implements Model {
  readonly parameters = new ParameterStore();
  readonly vocabularies: VocabularySizes;
  readonly dropout = 0;
  readonly decodingMemory: DecodingMemory = { perGivenToken: 0, perRow: 0, perStep: 0 };
  readonly summary: ModelSummary;
  readonly sentenceSearch: TranslationSearch;
  /** One for all calls: it remembers what it has looked up. */
  #searcher: TranslationSearcher | undefined;

  /** @throws DecadeError `usage` where there is no source */
  constructor(options: PhraseOptions, vocabularies: VocabularySizes) {
    if (vocabularies.source === undefined) throw needsPairs();
    this.vocabularies = vocabularies;
    this.summary = summaryOf(options);
    declarePhraseTables(this.parameters, options);
    // Before anything is counted there is a language model of no order.
    declareTables(this.parameters, { kind: 'ngram', order: options.order, ngrams: options.counted?.ngrams ?? [] });
    const section = this.parameters.section({ side: 'target', initial: { kind: 'constant', value: 0 } });
    const weights = section.declare(weightsName, [featuresOf(options).length]);
    this.sentenceSearch = {
      weights,
      // Apart, so that pages load it only for such a model.
      open: async () => {
        const { PhraseSearcher } = await import('./search/phrase-searcher.js');
        this.#searcher ??= new PhraseSearcher(this.parameters, options, vocabularies);
        return this.#searcher;
      },
    };
  }

  loss(): PairLosses {
    throw withoutProbabilities();
  }

  decode(): DecodingSession {
    throw withoutProbabilities();
  }
}

function needsPairs(): DecadeError {
  return new DecadeError('usage', {
    where: 'model.kind',
    received: 'phrase for text',
    allowed: 'phrase for pairs only',
    next: 'give data.train: { source: FILE, target: FILE }, or choose model: { kind: ngram }',
  });
}

function withoutProbabilities(): DecadeError {
  return new DecadeError('usage', {
    where: 'phrase-based model',
    received: 'a question for the probabilities of tokens',
    allowed: 'translating: its scores are no probabilities',
    next: 'score and rescore with a network, decade rescore -m RUN, which reads the n-best lists of a phrase-based model',
  });
}

function summaryOf({ order, phraseLength, counted }: PhraseOptions): ModelSummary {
  const phrases = counted === undefined ? '' : `, ${counted.options.toLocaleString('en')} phrase pairs`;
  const description = `phrases of ${phraseLength} words at most${phrases}, ${order}-gram language model`;
  return {
    runName: `phrase-${phraseLength}-${order}`,
    description: `phrase-based, ${description}`,
    speedClass: `phrase-based, ${order}-gram language model`,
    // It multiplies no matrices.
    typicalWeights: [1, 1],
    sizeKeys: ['model.optionsPerPhrase', 'model.phraseLength', 'model.order'],
  };
}
