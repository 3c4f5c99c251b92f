import { DecadeError } from '../../core/errors.js';
import { ParameterStore } from '../../nn/parameters.js';
import type {
  AttentionReader,
  AttentionWeights,
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
  /** Of a search that is open. */
  readonly attentionReader: AttentionReader = {
    read: (_, pair) => (this.#searcher === undefined ? [] : wordAlignment(this.#searcher, pair)),
  };
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
      features: featuresOf(options),
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

/** The words that each word of its translation comes from; nothing of another target than it finds. */
function wordAlignment(
  searcher: TranslationSearcher,
  { source, target }: { readonly source: ArrayLike<number>; readonly target: ArrayLike<number> },
): AttentionWeights[] {
  const [best] = source.length === 0 ? [] : searcher.search(source, 1);
  if (best === undefined || best.ids.length !== target.length || best.ids.some((id, place) => id !== target[place])) return [];
  const aligned = Array.from(best.alignment.keys()).filter((place) => (best.alignment[place] as number) >= 0);
  const weights = new Float32Array(aligned.length * source.length);
  for (const [row, place] of aligned.entries()) weights[row * source.length + (best.alignment[place] as number)] = 1;
  return [
    {
      name: 'word alignment',
      queries: aligned.map((place) => ({ side: 'target', id: target[place] as number })),
      keys: Array.from(source, (id) => ({ side: 'source', id })),
      layers: [[weights]],
    },
  ];
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
