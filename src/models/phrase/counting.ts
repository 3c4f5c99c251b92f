import { Bitext } from '../../alignment/bitext.js';
import { WordAlignment } from '../../alignment/word-alignment.js';
import { turns } from '../../core/event-loop.js';
import type { IdPair } from '../../data/batch.js';
import type { Counted, Counting, CountingControl, Spill } from '../counting.js';
import { specialIds, type VocabularySizes } from '../model.js';
import { NgramCounting } from '../ngram/counting.js';
import { TableValues } from '../ngram/table-values.js';
import { LinkCounts } from './lexical-weights.js';
import type { PhraseOptions } from './options.js';
import { initialWeights, weightsName } from './weights.js';
import { PhraseCounts } from './phrase-counts.js';
import { makePhraseTables } from './tables.js';

/** Sentence pairs between two looks at the clock. */
const pairsAtOnce = 256;

/** Counts the n-grams of the target side while it reads; then aligns the words, extracts the phrases and makes the tables of a model. */
export class PhraseCounting implements Counting<PhraseOptions> {
  readonly #options: PhraseOptions;
  readonly #vocabularies: VocabularySizes;
  readonly #ngrams: NgramCounting;
  readonly #bitext = new Bitext();

  constructor(options: PhraseOptions, vocabularies: VocabularySizes, spill: Spill) {
    this.#options = options;
    this.#vocabularies = vocabularies;
    const { target, special } = vocabularies;
    this.#ngrams = new NgramCounting({ kind: 'ngram', order: options.order }, { target, ...(special && { special }) }, spill);
  }

  async add({ source, target, key }: IdPair): Promise<void> {
    this.#bitext.add(source, target);
    await this.#ngrams.add({ source: [], target, key });
  }

  async finish(control: CountingControl = {}): Promise<Counted<PhraseOptions>> {
    const languageModel = await this.#ngrams.finish();
    const ngrams = languageModel.options.ngrams ?? [];
    const { signal, onStage } = control;
    const sizes = { source: this.#vocabularies.source ?? 0, target: this.#vocabularies.target };
    const alignment = await WordAlignment.estimate(this.#bitext, sizes, this.#options.alignment, {
      signal,
      onProgress: (fraction) => onStage?.('aligning words', fraction),
    });
    const counts = await this.#phrases(alignment, sizes, control);
    const { tables, sizes: tableSizes } = makePhraseTables(counts, this.#options);
    const figure = (count: number) => count.toLocaleString('en-US');
    return {
      options: { ...this.#options, counted: { ...tableSizes, ngrams } },
      parameters: new TableValues(new Map([...tables, ...languageModel.parameters.tables, [weightsName, initialWeights(this.#options)]])),
      description: `${figure(tableSizes.options)} of ${figure(counts.pairs.size)} phrase pairs${refusedOf(counts)}, ${languageModel.description}`,
    };
  }

  dispose(): Promise<void> {
    return this.#ngrams.dispose();
  }

  async #phrases(
    alignment: WordAlignment,
    sizes: { readonly source: number; readonly target: number },
    { signal, onStage }: CountingControl,
  ): Promise<PhraseCounts> {
    const bitext = this.#bitext;
    const turn = turns();
    const words = new LinkCounts(sizes);
    const { source, target } = specialIds(this.#vocabularies);
    const counts = new PhraseCounts({
      phraseLength: this.#options.phraseLength,
      orientations: this.#options.reordering === 'lexicalised',
      excluded: { source: source.unknown, target: target.unknown },
    });
    const rounds = [
      (pair: number) => words.add(bitext.source(pair), bitext.target(pair), alignment.align(bitext.source(pair), bitext.target(pair))),
      (pair: number) => counts.add(bitext, pair, alignment.align(bitext.source(pair), bitext.target(pair)), words),
    ];
    for (const [round, add] of rounds.entries()) {
      for (let pair = 0; pair < bitext.pairs; pair++) {
        add(pair);
        if (pair % pairsAtOnce !== 0) continue;
        signal?.throwIfAborted();
        onStage?.('extracting phrases', (round + pair / bitext.pairs) / rounds.length);
        await turn();
      }
    }
    return counts;
  }
}

/** Phrase pairs that there was no room for. */
function refusedOf({ pairs, sources, targets }: PhraseCounts): string {
  const refused = pairs.refused + sources.refused + targets.refused;
  return refused === 0 ? '' : ` (no room for ${refused.toLocaleString('en-US')} more)`;
}
