/** A word of a text, and which tokens it is made of. */
export interface Word {
  readonly text: string;
  readonly tokens: readonly number[];
}

/** Text between two tokens beyond which the second is not the one that is looked for. */
const farthest = 16;

/**
 * The words that tokens make in a text: what stands between spaces. Tokens that do not stand in the text as they are, such as parts of
 * a character, belong to the word that goes on there.
 *
 * @param tokens  without `</s>`
 */
export function wordsOf(tokens: readonly string[], text: string): Word[] {
  const words: { text: string; tokens: number[] }[] = [];
  let end = 0;
  for (const [index, token] of tokens.entries()) {
    const start = token === '' ? -1 : text.indexOf(token, end);
    const isFound = start >= 0 && start - end <= farthest;
    const between = isFound ? text.slice(end, start) : '';
    const last = words.at(-1);
    const begun = last === undefined || /\s/.test(between) ? { text: '', tokens: [] } : last;
    if (begun !== last) words.push(begun);
    begun.tokens.push(index);
    if (!isFound) continue;
    begun.text += between.replace(/^.*\s/s, '') + token;
    end = start + token.length;
  }
  return words.map((word) => (word.text === '' ? { ...word, text: word.tokens.map((token) => tokens[token]).join('') } : word));
}

/**
 * How much each word of a translation looked at each word of the source: the mean over its tokens of their attention, added up over
 * the tokens of the source word.
 *
 * @param weights  of each target token [source tokens]
 */
export function wordAttention(target: readonly Word[], source: readonly Word[], weights: readonly ArrayLike<number>[]): number[][] {
  return target.map(({ tokens }) =>
    source.map(({ tokens: columns }) => {
      let sum = 0;
      for (const token of tokens) for (const column of columns) sum += weights[token]?.[column] ?? 0;
      return sum / tokens.length;
    }),
  );
}

/** The probability of each word: the product of those of its tokens. */
export function wordProbabilities(words: readonly Word[], logProbabilities: ArrayLike<number>): number[] {
  return words.map(({ tokens }) => Math.exp(tokens.reduce((sum, token) => sum + (logProbabilities[token] ?? 0), 0)));
}
