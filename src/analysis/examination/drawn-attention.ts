import { DecadeError } from '../../core/errors.js';
import type { AttentionView } from '../../decoding/attention-views.js';

/** A line whose attention is shown. */
export interface DrawnLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** What a browser can still show of all lines together. In a page a weight takes about 35 bytes. */
const mostWeights = 500_000;
/** Of a line that was asked for: the attention of a longer one would need gigabytes before it is known how much it is. */
const mostCharacters = 2_000;

/**
 * The attention of lines, one after another. It grows with the square of their lengths: of lines that nobody asked for those are left
 * out that are too much for a page.
 *
 * @throws DecadeError `usage` for lines that were asked for and are too much
 */
export async function drawnAttention<Line extends DrawnLine>(
  lines: readonly Line[],
  areGiven: boolean,
  viewsOf: (text: string) => Promise<readonly AttentionView[]>,
): Promise<(Line & { readonly views: readonly AttentionView[] })[]> {
  const long = lines.find(({ text }) => text.length > mostCharacters);
  if (areGiven && long !== undefined) {
    throw tooMuch(`line ${long.line} of ${figure(long.text.length)} characters`, `at most ${figure(mostCharacters)} characters a line`);
  }
  const drawn: (Line & { readonly views: readonly AttentionView[] })[] = [];
  let weights = 0;
  for (const line of lines) {
    const views = await viewsOf(line.text);
    const more = views.flatMap(({ layers }) => layers.flat()).reduce((sum, head) => sum + head.length, 0);
    if (weights + more > mostWeights) {
      if (!areGiven) continue;
      const allowed = `at most ${figure(mostWeights)}: a layer and head has one for each token that looks at another`;
      throw tooMuch(`${figure(weights + more)} weights up to line ${line.line}`, allowed);
    }
    weights += more;
    if (views.length > 0) drawn.push({ ...line, views });
  }
  return drawn;
}

function tooMuch(received: string, allowed: string): DecadeError {
  return new DecadeError('usage', { where: '--attention', received, allowed, next: 'choose fewer or shorter lines' });
}

function figure(value: number): string {
  return value.toLocaleString('en-US');
}
