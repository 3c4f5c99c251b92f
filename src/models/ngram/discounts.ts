/** What is taken from n-grams that occur once, twice, and more often. */
export type Discounts = readonly [once: number, twice: number, more: number];

/** What KenLM takes, when it is told to, where the counts of counts say nothing: of characters, tiny texts and repetitive ones. */
const usualDiscounts: Discounts = [0.5, 1, 1.5];

/**
 * The discounts of one order (Chen and Goodman 1998, equation 26), where n_i of its n-grams occur i times and Y = n_1 / (n_1 + 2 n_2):
 *
 *     D_i = i - (i + 1) Y n_{i+1} / n_i
 */
export function discountsOf(counts: Int32Array): { readonly discounts: Discounts; readonly areUsual: boolean } {
  const [n1, n2, n3, n4] = [1, 2, 3, 4].map((times) => counts.reduce((sum, count) => sum + (count === times ? 1 : 0), 0)) as Four;
  const y = n1 / (n1 + 2 * n2);
  const discounts = [1 - (2 * y * n2) / n1, 2 - (3 * y * n3) / n2, 3 - (4 * y * n4) / n3] as const;
  // Without anything to take, what never occurred would be impossible.
  const areUsual = !discounts.every((discount, index) => discount > 0 && discount <= index + 1);
  return { discounts: areUsual ? usualDiscounts : discounts, areUsual };
}

type Four = [number, number, number, number];

export function discountOf([once, twice, more]: Discounts, count: number): number {
  return count === 0 ? 0 : count === 1 ? once : count === 2 ? twice : more;
}
