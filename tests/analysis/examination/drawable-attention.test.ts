import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireDrawable } from '../../../src/analysis/examination/scored-sentences.js';

test('attention that no browser would show is refused by line, with what to do', () => {
  const of = (line: number, tokens: number) => {
    const names = new Array<string>(tokens).fill('a');
    const head = new Float32Array(tokens * tokens);
    return {
      line,
      views: [
        {
          name: 'attention',
          rows: names,
          columns: names,
          layers: [
            [head, head],
            [head, head],
          ],
        },
      ],
    };
  };
  requireDrawable([of(1, 40), of(7, 200)]);
  assert.throws(
    () => requireDrawable([of(1, 40), of(7, 400)]),
    /--attention: 646,400 weights up to line 7; expected at most 500,000: .*Choose fewer or shorter lines/,
  );
});
