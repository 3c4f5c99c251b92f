/** Of letters at the size of plots, on average, in units of the drawing. */
const letter = 6.1;
/** Characters that take a square: those of East Asia and pictures. */
const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u3000-\u303f\uff01-\uff60\p{Extended_Pictographic}]/u;
/** Characters that stand on others or are not seen. */
const without = /[\p{M}\p{Cf}]/u;

/** About how wide a text is in a plot, which is drawn where nothing can measure it. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += without.test(character) ? 0 : wide.test(character) ? 1.85 * letter : letter;
  return width;
}

/** A text that is at most so wide, cut at its end. */
export function fitted(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const characters = [...text];
  while (characters.length > 1 && textWidth(`${characters.join('')}…`) > width) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

/** A text in lines of at most this width, broken at spaces; what is left after the last line is cut. */
export function wrapped(text: string, width: number, mostLines: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    const joined = last === undefined ? word : `${last} ${word}`;
    if (last === undefined || (textWidth(joined) > width && lines.length < mostLines)) lines.push(word);
    else lines[lines.length - 1] = joined;
  }
  return lines.map((line) => fitted(line, width));
}
