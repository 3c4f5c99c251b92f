import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawnAttention } from '../../../src/analysis/examination/drawn-attention.js';

/** Of a model of two layers and two heads whose tokens are characters. */
async function viewsOf(text: string) {
  const names = [...text];
  const head = new Float32Array(names.length ** 2);
  return [
    {
      name: 'attention',
      rows: names,
      columns: names,
      layers: [
        [head, head],
        [head, head],
      ],
    },
  ];
}
const line = (number: number, characters: number) => ({ line: number, text: 'a'.repeat(characters) });

test('attention that no browser would show is refused where it was asked for, with what to do', async () => {
  assert.equal((await drawnAttention([line(1, 40), line(7, 200)], true, viewsOf)).length, 2);
  await assert.rejects(
    drawnAttention([line(1, 40), line(7, 400)], true, viewsOf),
    /--attention: 646,400 weights up to line 7; expected at most 500,000: .*Choose fewer or shorter lines/,
  );
  const never = () => Promise.reject(new Error('nothing is computed'));
  await assert.rejects(drawnAttention([line(1, 40), line(3, 3_000)], true, never), /line 3 of 3,000 characters; expected at most 2,000/);
});

test('lines that nobody asked for are left out where they would be too much', async () => {
  const drawn = await drawnAttention([line(1, 40), line(2, 400), line(3, 50)], false, viewsOf);
  assert.deepEqual(
    drawn.map((each) => each.line),
    [1, 3],
  );
});
