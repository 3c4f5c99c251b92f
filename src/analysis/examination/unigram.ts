import type { Corpus } from '../../data/corpus.js';
import { turns } from '../../core/event-loop.js';
import type { WorkControl } from '../work.js';

const pairsAtOnce = 4_096;

/**
 * The perplexity of a corpus's target side by a model that knows nothing but how often each token occurs in training: the
 * control for any model that claims to have learnt. `</s>` is a token as it is for the model; counts are increased by one
 * (Laplace), so that a token that never occurred is possible.
 *
 * @param vocabulary  target tokens there are
 */
export async function unigramPerplexity(train: Corpus, dev: Corpus, vocabulary: number, control: WorkControl = {}): Promise<number> {
  const known = await targetCounts(train, vocabulary, control);
  const met = await targetCounts(dev, vocabulary, control);
  const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
  const total = sum(known) + known.length;
  let nats = 0;
  for (const [token, count] of met.entries()) if (count > 0) nats -= count * Math.log(((known[token] as number) + 1) / total);
  return Math.exp(nats / sum(met));
}

/** How often each token stands on the target side; `</s>` last, once per sentence, or per context that it ends. */
async function targetCounts(corpus: Corpus, vocabulary: number, { signal }: WorkControl): Promise<Float64Array> {
  const counts = new Float64Array(vocabulary + 1);
  const turn = turns();
  for (let first = 0; first < corpus.pairs; first += pairsAtOnce) {
    const length = Math.min(pairsAtOnce, corpus.pairs - first);
    const pairs = await corpus.read(Array.from({ length }, (_, index) => first + index));
    for (const { target, ends = true } of pairs) {
      for (const token of target as ArrayLike<number> & Iterable<number>) (counts[token] as number) += 1;
      if (ends) (counts[vocabulary] as number) += 1;
    }
    await turn();
    signal?.throwIfAborted();
  }
  return counts;
}
