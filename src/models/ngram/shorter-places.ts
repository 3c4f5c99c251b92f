/** The n-grams of one order as in `NgramTable`. Without its first token, each of them is one of the order below. */
export interface SortedNgrams {
  /** The last token of each; of unigrams their place. */
  readonly tokens: Int32Array;
  /** Where those that extend each begin, and after the last where they end; empty for the highest order. */
  readonly extensions: Int32Array;
}

/** For each order the place of every n-gram, without its first token, one order lower; empty for unigrams. */
export function shorterPlaces(sorted: readonly SortedNgrams[]): Int32Array[] {
  const all = [new Int32Array(0)];
  for (let index = 1; index < sorted.length; index++) {
    const { tokens } = sorted[index] as SortedNgrams;
    const { extensions } = sorted[index - 1] as SortedNgrams;
    const places = new Int32Array(tokens.length);
    for (let history = 0; history + 1 < extensions.length; history++) {
      const [begin, end] = [extensions[history] as number, extensions[history + 1] as number];
      if (begin === end) continue;
      // What extends an n-gram extends it without its first token, too, in the same order.
      let [from, to] = index === 1 ? [0, tokens.length] : rangeOf(sorted[index - 2], all[index - 1]?.[history] ?? 0);
      for (let place = begin; place < end; place++) {
        const token = tokens[place] as number;
        from = index === 1 ? token : find(sorted[index - 1]?.tokens ?? tokens, token, from, to);
        places[place] = from;
      }
    }
    all.push(places);
  }
  return all;
}

function rangeOf(ngrams: SortedNgrams | undefined, place: number): [number, number] {
  return [ngrams?.extensions[place] ?? 0, ngrams?.extensions[place + 1] ?? 0];
}

/** Where a token that is there stands in an ascending range. */
function find(tokens: Int32Array, token: number, from: number, to: number): number {
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((tokens[middle] as number) < token) from = middle + 1;
    else to = middle;
  }
  return from;
}
