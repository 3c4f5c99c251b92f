import { shorterPlaces, type SortedNgrams } from './shorter-places.js';
import { isSame, sortedWindows } from './sorted-windows.js';
import { impossible, type NgramTables, tableName } from './tables.js';

/** n-grams of one order in any order, as another program wrote them: each once. */
export interface GivenNgrams {
  /** Of each, one after the other. */
  readonly tokens: Int32Array;
  /** Natural logarithms. */
  readonly logProbabilities: Float32Array;
  readonly backOffs: Float32Array;
}

/**
 * The tables of a back-off model. Where an n-gram was given and its beginning or its end was left out, which pruning does, that is added
 * with the probability that it has without being there.
 *
 * @param given  of each order, from unigrams on
 * @throws RangeError naming the order, for an n-gram that was given twice
 */
export function assemble(given: readonly GivenNgrams[], vocabulary: number): { readonly tables: NgramTables; readonly ngrams: number[] } {
  const whole: GivenNgrams[] = [];
  for (let order = given.length; order > 1; order--) {
    whole[order - 1] = completed(given[order - 1] as GivenNgrams, whole[order], order, vocabulary);
  }
  whole[0] = everyUnigram(given[0] as GivenNgrams, vocabulary);
  const sorted = whole.map((ngrams, index): SortedNgrams => {
    const order = index + 1;
    const longer = whole[order];
    return {
      tokens: everyNth(ngrams.tokens, order),
      extensions: longer === undefined ? new Int32Array(0) : beginsOf(ngrams.tokens, longer.tokens, order),
    };
  });
  const shorter = shorterPlaces(sorted);
  for (const [index, { extensions }] of sorted.entries()) fillMissing(whole[index], whole[index + 1], extensions, shorter[index + 1]);
  const tables = new Map<string, Int32Array | Float32Array>();
  for (const [index, { logProbabilities, backOffs }] of whole.entries()) {
    const order = index + 1;
    const { tokens, extensions } = sorted[index] as SortedNgrams;
    tables.set(tableName(order, 'logProbabilities'), logProbabilities);
    if (order > 1) tables.set(tableName(order, 'tokens'), tokens);
    if (order > 1) tables.set(tableName(order, 'shorter'), shorter[index] as Int32Array);
    if (order < whole.length) tables.set(tableName(order, 'backOffs'), backOffs);
    if (order < whole.length) tables.set(tableName(order, 'extensions'), extensions);
  }
  return { tables, ngrams: whole.map(({ logProbabilities }) => logProbabilities.length) };
}

/** Sorted, and with the beginnings and ends of longer n-grams; what was not given has NaN for its probability. */
function completed(given: GivenNgrams, longer: GivenNgrams | undefined, order: number, vocabulary: number): GivenNgrams {
  const own = given.logProbabilities.length;
  const more = longer?.logProbabilities.length ?? 0;
  const tokens = new Int32Array((own + 2 * more) * order);
  tokens.set(given.tokens);
  for (let index = 0; index < more; index++) {
    const from = index * (order + 1);
    for (const [nth, begin] of [from, from + 1].entries()) {
      const part = longer?.tokens.subarray(begin, begin + order);
      if (part !== undefined) tokens.set(part, (own + 2 * index + nth) * order);
    }
  }
  const places = Int32Array.from({ length: own + 2 * more }, (_, index) => index * order);
  const sorted = sortedWindows(tokens, places, order, vocabulary);
  // Of equal ones the given one comes first.
  const firsts = sorted.filter((place, index) => index === 0 || !isSame(tokens, place, sorted[index - 1] as number, order));
  if (firsts.reduce((sum, place) => sum + (place < own * order ? 1 : 0), 0) < own) throw new RangeError(`${order}-grams`);
  const result = {
    tokens: new Int32Array(firsts.length * order),
    logProbabilities: new Float32Array(firsts.length),
    backOffs: new Float32Array(firsts.length),
  };
  for (const [index, place] of firsts.entries()) {
    result.tokens.set(tokens.subarray(place, place + order), index * order);
    result.logProbabilities[index] = given.logProbabilities[place / order] ?? Number.NaN;
    result.backOffs[index] = given.backOffs[place / order] ?? 0;
  }
  return result;
}

/** One for each token of the vocabulary. */
function everyUnigram({ tokens, logProbabilities, backOffs }: GivenNgrams, vocabulary: number): GivenNgrams {
  const result = {
    tokens: Int32Array.from({ length: vocabulary }, (_, token) => token),
    logProbabilities: new Float32Array(vocabulary).fill(impossible),
    backOffs: new Float32Array(vocabulary),
  };
  for (const [index, token] of tokens.entries()) {
    result.logProbabilities[token] = logProbabilities[index] as number;
    result.backOffs[token] = backOffs[index] as number;
  }
  return result;
}

/** The last token of each. */
function everyNth(tokens: Int32Array, order: number): Int32Array {
  return Int32Array.from({ length: tokens.length / order }, (_, index) => tokens[(index + 1) * order - 1] as number);
}

/** Where the n-grams begin that extend each, all of which begin with one of these; both ascending. */
function beginsOf(tokens: Int32Array, longer: Int32Array, order: number): Int32Array {
  const begins = new Int32Array(tokens.length / order + 1);
  let next = 0;
  for (let history = 0; history + 1 < begins.length; history++) {
    begins[history] = next;
    while (beginsWith(longer, next * (order + 1), tokens, history * order, order)) next++;
  }
  begins[begins.length - 1] = next;
  return begins;
}

function beginsWith(longer: Int32Array, at: number, tokens: Int32Array, from: number, order: number): boolean {
  for (let column = 0; column < order; column++) if (longer[at + column] !== tokens[from + column]) return false;
  return at < longer.length;
}

/** What was not given backs off. */
function fillMissing(
  histories: GivenNgrams | undefined,
  longer: GivenNgrams | undefined,
  extensions: Int32Array,
  shorter: Int32Array | undefined,
): void {
  if (histories === undefined || longer === undefined || shorter === undefined) return;
  for (const [history, backOff] of histories.backOffs.entries()) {
    for (let place = extensions[history] as number; place < (extensions[history + 1] as number); place++) {
      if (!Number.isNaN(longer.logProbabilities[place])) continue;
      longer.logProbabilities[place] = backOff + (histories.logProbabilities[shorter[place] as number] as number);
    }
  }
}
