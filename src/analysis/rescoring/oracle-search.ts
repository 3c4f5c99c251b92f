import { bleu } from '../../metrics/bleu.js';

/** Most candidates kept per sentence: those with the best sentence score. */
const candidatesHeld = 50;
const mostRounds = 20;

/**
 * The oracle score of an n-best list: the most that rescoring could gain. Finding the choice with the highest corpus BLEU is
 * hard, since sentences share the brevity penalty and the counts, so this is hill climbing: it begins with the best hypothesis
 * of each sentence by its own BLEU with 1 added to the counts of 2- to 4-grams (Lin and Och 2004, "ORANGE", section 4), then
 * repeatedly goes through the sentences and changes every choice that raises corpus BLEU, until there is none. A lower bound of
 * the true oracle, in practice close to it.
 */
export class OracleSearch {
  readonly #corpus = bleu();
  readonly #sentence = bleu({ smooth: 'add-k', effectiveOrder: true });
  /** Statistics of the candidates of each sentence, best first: sums of small counts, which 32 bits hold exactly. */
  readonly #sentences: Float32Array[][] = [];

  add(hypotheses: readonly string[], references: readonly string[]): void {
    const distinct = new Map<string, { statistics: Float64Array; score: number }>();
    for (const text of new Set(hypotheses.length === 0 ? [''] : hypotheses)) {
      const statistics = this.#corpus.statistics(text, references);
      const key = statistics.join(' ');
      if (!distinct.has(key)) distinct.set(key, { statistics, score: this.#sentence.score(statistics).score });
    }
    const best = [...distinct.values()].sort((a, b) => b.score - a.score).slice(0, candidatesHeld);
    this.#sentences.push(best.map(({ statistics }) => Float32Array.from(statistics)));
  }

  /** BLEU's statistics of the choice from each list; undefined when nothing was added. */
  best(): Float64Array[] | undefined {
    const [first] = this.#sentences[0] ?? [];
    if (first === undefined) return undefined;
    const chosen = this.#sentences.map((candidates) => candidates[0] as Float32Array);
    const sum = new Float64Array(first.length);
    for (const statistics of chosen) shift(sum, statistics, 1);
    let { score } = this.#corpus.score(sum);
    for (let round = 0, improved = true; improved && round < mostRounds; round++) {
      improved = false;
      this.#sentences.forEach((candidates, sentence) => {
        shift(sum, chosen[sentence] as Float32Array, -1);
        for (const candidate of candidates) {
          shift(sum, candidate, 1);
          const { score: reached } = this.#corpus.score(sum);
          shift(sum, candidate, -1);
          if (reached <= score) continue;
          score = reached;
          chosen[sentence] = candidate;
          improved = true;
        }
        shift(sum, chosen[sentence] as Float32Array, 1);
      });
    }
    return chosen.map((statistics) => Float64Array.from(statistics));
  }
}

function shift(sum: Float64Array, statistics: Float32Array, sign: 1 | -1): void {
  for (let index = 0; index < sum.length; index++) (sum[index] as number) += sign * (statistics[index] as number);
}
