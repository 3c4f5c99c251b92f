import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bagOfWords, distances, separation } from '../../src/experiments/sentence-distances.js';

test('a bag of words does not see their order', () => {
  const triples = [['Mary loves John.', 'John loves Mary.', 'Tom is here.']] as const;
  const [[changed, other] = []] = distances(triples, bagOfWords(triples.flat()));
  assert.equal(changed, 0);
  assert.equal(other, Math.sqrt(6));
});

test('classes that lie apart are farther from each other than within', () => {
  const at = (...places: number[]) => places.map((place) => Float32Array.of(place));
  assert.equal(separation([at(0, 1), at(10, 11)]), 10);
  assert.equal(separation([at(0, 10), at(1, 11)]), (1 + 11 + 9 + 1) / 4 / 10);
});
