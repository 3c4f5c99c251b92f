/**
 * Interpolated modified Kneser-Ney over maps of strings, straight from the equations of Chen and Goodman (1998), for a few sentences.
 * It shares nothing with what it is compared with.
 */
export class KneserNeyReference {
  readonly #order: number;
  readonly #predicted: readonly number[];
  /** For each order how often its n-grams count, by their tokens. */
  readonly #counts: Map<string, number>[] = [];
  readonly discounts: (readonly number[])[] = [];

  /**
   * @param sentences  ids without `<s>` and `</s>`
   * @param predicted  all ids that can be predicted
   */
  constructor(order: number, sentences: readonly (readonly number[])[], begin: number, end: number, predicted: readonly number[]) {
    this.#order = order;
    this.#predicted = predicted;
    const raw = Array.from({ length: order }, () => new Map<string, number>());
    for (const sentence of sentences) {
      const tokens = [begin, ...sentence, end];
      for (const [index, counts] of raw.entries()) {
        for (let at = 0; at + index < tokens.length; at++) add(counts, tokens.slice(at, at + index + 1).join(' '));
      }
    }
    for (const [index, counts] of raw.entries()) {
      const longer = raw[index + 1];
      const adjusted = new Map<string, number>();
      for (const [ngram, count] of counts) {
        const beginsText = ngram.split(' ')[0] === String(begin);
        if (ngram === String(begin)) continue;
        if (longer === undefined || beginsText) adjusted.set(ngram, count);
        else adjusted.set(ngram, [...longer.keys()].filter((other) => other.split(' ').slice(1).join(' ') === ngram).length);
      }
      this.#counts.push(adjusted);
      const n = (times: number) => [...adjusted.values()].filter((count) => count === times).length;
      const y = n(1) / (n(1) + 2 * n(2));
      const discounts = [1, 2, 3].map((times) => times - ((times + 1) * y * n(times + 1)) / n(times));
      this.discounts.push(discounts.every((value, at) => value > 0 && value <= at + 1) ? discounts : [0.5, 1, 1.5]);
    }
  }

  probability(history: readonly number[], token: number): number {
    if (history.length >= this.#order) return this.probability(history.slice(1), token);
    const counts = this.#counts[history.length] as Map<string, number>;
    const extensions = this.#predicted.map((next) => counts.get([...history, next].join(' ')) ?? 0);
    const total = sum(extensions);
    const lower = history.length === 0 ? 1 / this.#predicted.length : this.probability(history.slice(1), token);
    if (total === 0) return lower;
    const discount = (count: number) => (count === 0 ? 0 : (this.discounts[history.length]?.[Math.min(count, 3) - 1] ?? 0));
    const count = counts.get([...history, token].join(' ')) ?? 0;
    return (count - discount(count)) / total + (sum(extensions.map(discount)) / total) * lower;
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
