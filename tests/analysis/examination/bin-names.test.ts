import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binNames, binRange } from '../../../src/analysis/examination/bin-names.js';

test('a part is named by its range, large numbers in thousands', () => {
  assert.equal(binRange({ least: 5, greatest: 5 }), '5');
  assert.equal(binRange({ least: 7, greatest: 9 }), '7–9');
  assert.equal(binRange({ least: 486, greatest: 1_234 }), '486–1.2K');
  assert.equal(binRange({ least: 9_999, greatest: 23_456 }), '10K–23K');
});

test('parts side by side are named by their upper ends when one range is too long to stand beside the next', () => {
  assert.deepEqual(
    binNames([
      { least: 2, greatest: 4 },
      { least: 10, greatest: 14 },
    ]),
    ['2–4', '10–14'],
  );
  assert.deepEqual(
    binNames([
      { least: 39, greatest: 165 },
      { least: 177, greatest: 221 },
    ]),
    ['≤165', '≤221'],
  );
});
