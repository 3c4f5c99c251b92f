/** A stretch of text, and whether the other text lacks it. */
export interface ComparedPart {
  readonly text: string;
  readonly differs: boolean;
}

/** Words, single marks, single characters of scripts without spaces, and what lies between. */
const token =
  /\s+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]|[\p{L}\p{M}\p{N}]+|[^\s]/gu;
/** The table of the comparison grows with the square; beyond this many tokens, only what both begin and end with is common. */
const mostTokens = 600;

/** A text and others, cut into parts that they have in common and parts that they have not. */
export interface Differences {
  /** Of the text; what differs is in none of the others. */
  readonly one: readonly ComparedPart[];
  /** Of each of the others; what differs is not in the text. */
  readonly others: readonly (readonly ComparedPart[])[];
}

/** What two texts have in common stands in both in this order: a longest common subsequence of words. */
export function differences(one: string, others: readonly string[]): Differences {
  const left = tokens(one);
  const common = new Set<number>();
  const cut = others.map((other) => {
    const right = tokens(other);
    const same = commonTokens(words(left), words(right));
    for (const word of same.left) common.add(word);
    return parts(right, same.right);
  });
  return { one: parts(left, common), others: cut };
}

function tokens(text: string): string[] {
  return text.match(token) ?? [];
}

/** In one canonical form, so that spellings of an accent do not differ. */
function words(all: readonly string[]): string[] {
  return all.filter((one) => one.trim() !== '').map((word) => word.normalize('NFC'));
}

/** Which words of either side belong to a longest common subsequence. */
function commonTokens(left: readonly string[], right: readonly string[]): { left: Set<number>; right: Set<number> } {
  const common = { left: new Set<number>(), right: new Set<number>() };
  const keep = (at: number, across: number) => {
    common.left.add(at);
    common.right.add(across);
  };
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) keep(start, start++);
  let [leftEnd, rightEnd] = [left.length, right.length];
  while (leftEnd > start && rightEnd > start && left[leftEnd - 1] === right[rightEnd - 1]) keep(--leftEnd, --rightEnd);
  const [rows, columns] = [leftEnd - start, rightEnd - start];
  if (rows > mostTokens || columns > mostTokens) return common;
  // lengths[row][column]: of the longest common subsequence of what comes from there on.
  const lengths = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  const at = (row: number, column: number) => lengths[row]?.[column] ?? 0;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      const equal = left[start + row] === right[start + column];
      const length = equal ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
      (lengths[row] as Uint16Array)[column] = length;
    }
  }
  for (let row = 0, column = 0; row < rows && column < columns; ) {
    if (left[start + row] === right[start + column]) keep(start + row++, start + column++);
    else if (at(row + 1, column) >= at(row, column + 1)) row++;
    else column++;
  }
  return common;
}

/** Neighbours alike are one part; white space goes with what stands before it. */
function parts(all: readonly string[], common: ReadonlySet<number>): ComparedPart[] {
  const joined: { text: string; differs: boolean }[] = [];
  let word = 0;
  for (const text of all) {
    const last = joined.at(-1);
    const isSpace = text.trim() === '';
    const differs = isSpace ? (last?.differs ?? false) : !common.has(word++);
    if (last !== undefined && last.differs === differs) last.text += text;
    else joined.push({ text, differs });
  }
  return joined;
}
