import { DecadeError } from '../../core/errors.js';
import { type IdPair, predictedTokens } from '../../data/batch.js';
import { ParameterStore } from '../../nn/parameters.js';
import type { Pass } from '../../nn/pass.js';
import type { Device } from '../../tensor/device.js';
import { type DecodingMemory, type DecodingSession, type Model, type PairLosses, specialIds, type VocabularySizes } from '../model.js';
import { requireNoSources } from '../sources.js';
import type { ModelSummary } from '../summary.js';
import type { NgramOptions } from './options.js';
import { NgramSession } from './session.js';
import { declareTables, tablesOf } from './tables.js';
import { NgramTrie } from './trie.js';

/**
 * A language model of counted n-grams, smoothed by interpolated modified Kneser-Ney (Chen and Goodman 1998). Its tables are its
 * parameters, so that it is stored, packed, shared between threads and loaded as any other model.
 */
export class NgramModel implements Model {
  readonly parameters = new ParameterStore();
  readonly vocabularies: VocabularySizes;
  readonly dropout = 0;
  readonly summary: ModelSummary;
  readonly #order: number;

  /** @throws DecadeError `usage` where there is a source, `input` for another vocabulary than was counted */
  constructor(options: NgramOptions, vocabularies: VocabularySizes) {
    if (vocabularies.source !== undefined) throw needsText();
    const [unigrams = vocabularies.target] = options.ngrams ?? [];
    if (unigrams !== vocabularies.target) {
      throw new DecadeError('input', {
        where: 'model.ngrams',
        received: `${unigrams} unigrams for ${vocabularies.target} tokens`,
        allowed: 'one for each token',
        next: 'take all files of a run together',
      });
    }
    this.vocabularies = vocabularies;
    this.summary = summaryOf(options);
    this.#order = options.order;
    declareTables(this.parameters, options);
  }

  /** What tokens cost; there is nothing to smooth and no gradient. */
  loss({ runner: { scope } }: Pass, pairs: readonly IdPair[]): PairLosses {
    requireNoSources(pairs.map(({ source }) => source));
    const { begin, end } = specialIds(this.vocabularies).target;
    const lengths = pairs.map(predictedTokens);
    const rows = lengths.reduce((sum, length) => sum + length, 0);
    const outputs = { losses: scope.empty([rows]), logProbabilities: scope.empty([rows]) };
    const [losses, logProbabilities] = [outputs.losses.f32, outputs.logProbabilities.f32];
    const trie = this.#trie();
    let row = 0;
    for (const { target, before = begin, ends = true } of pairs) {
      let [, state] = trie.score(trie.start, before);
      for (let place = 0; place < target.length + (ends ? 1 : 0); place++, row++) {
        const [logProbability, next] = trie.score(state, place < target.length ? (target[place] as number) : end);
        logProbabilities[row] = logProbability;
        losses[row] = -logProbability;
        state = next;
      }
    }
    return {
      ...outputs,
      byPair() {
        const all = outputs.logProbabilities.f32;
        let next = 0;
        return lengths.map((length) => {
          next += length;
          return all.slice(next - length, next);
        });
      },
    };
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    requireNoSources(sources);
    return new NgramSession(device, sources.length, this.vocabularies.target, () => this.#trie());
  }

  get decodingMemory(): DecodingMemory {
    return { perGivenToken: 0, perRow: 4 * this.vocabularies.target, perStep: 0 };
  }

  #trie(): NgramTrie {
    return new NgramTrie(tablesOf(this.parameters, this.#order));
  }
}

function needsText(): DecadeError {
  return new DecadeError('usage', {
    where: 'model.kind',
    received: 'ngram for pairs',
    allowed: 'ngram for text only',
    next: 'give data.train: { text: [files] }, or choose model: { kind: lstm }',
  });
}

function summaryOf({ order, ngrams }: NgramOptions): ModelSummary {
  return {
    runName: `${order}-gram`,
    description: describeNgrams(order, ngrams),
    speedClass: `${order}-gram language model`,
    // It multiplies no matrices.
    typicalWeights: [1, 1],
    sizeKeys: ['model.order'],
  };
}

/** @param ngrams  of each order, where they have been counted */
export function describeNgrams(order: number, ngrams?: readonly number[]): string {
  const counted = ngrams?.reduce((sum, count) => sum + count, 0);
  return `${order}-gram language model${counted === undefined ? '' : `, ${counted.toLocaleString('en')} n-grams`}`;
}
