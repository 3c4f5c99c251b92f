import assert from 'node:assert/strict';
import { test } from 'node:test';
import { principalPlane } from '../../../src/analysis/examination/principal-plane.js';
import { mapSentences, paperGroups, parseGroups } from '../../../src/analysis/examination/sentence-map.js';
import { normal, randomKey } from '../../../src/core/random.js';

/** Points that spread 10 along one direction, 4 along another, 0.5 along all others of `size`. */
function cloud(count: number, size: number): { vectors: Float32Array[]; coordinates: [number, number][] } {
  const key = randomKey(7, 'sample');
  const unit = (numbers: number[]) => numbers.map((value) => value / Math.hypot(...numbers));
  const first = unit(Array.from({ length: size }, (_, index) => normal(key, index)));
  const rough = Array.from({ length: size }, (_, index) => normal(key, size + index));
  const overlap = rough.reduce((sum, value, index) => sum + value * (first[index] as number), 0);
  const second = unit(rough.map((value, index) => value - overlap * (first[index] as number)));
  const coordinates = Array.from({ length: count }, (_, point): [number, number] => [
    10 * normal(key, 1e6 + 2 * point),
    4 * normal(key, 1e6 + 2 * point + 1),
  ]);
  const vectors = coordinates.map(([x, y], point) =>
    Float32Array.from(
      { length: size },
      (_, index) => 3 + x * (first[index] as number) + y * (second[index] as number) + 0.5 * normal(key, 1e7 + point * size + index),
    ),
  );
  return { vectors, coordinates };
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = (x: readonly number[], y: readonly number[], meanX: number, meanY: number) =>
    x.reduce((sum, value, index) => sum + (value - meanX) * ((y[index] as number) - meanY), 0);
  return covariance(a, b, meanA, meanB) / Math.sqrt(covariance(a, a, meanA, meanA) * covariance(b, b, meanB, meanB));
}

test('the plane is the one along which points differ most', async () => {
  const { vectors, coordinates } = cloud(300, 40);
  const { points, shares } = await principalPlane(vectors);
  const along = (axis: 0 | 1) => coordinates.map((point) => point[axis]);
  assert.ok(
    Math.abs(
      correlation(
        points.map(({ x }) => x),
        along(0),
      ),
    ) > 0.99,
  );
  assert.ok(
    Math.abs(
      correlation(
        points.map(({ y }) => y),
        along(1),
      ),
    ) > 0.98,
  );
  // 100 and 16 of 100 + 16 + 40 · 0.25.
  assert.ok(Math.abs(shares[0] - 0.79) < 0.05 && Math.abs(shares[1] - 0.13) < 0.04, String(shares));
});

test('points that are all the same lie in one place', async () => {
  const { points, shares } = await principalPlane([new Float32Array(5).fill(2), new Float32Array(5).fill(2)]);
  assert.deepEqual(
    [points, shares],
    [
      [
        { x: 0, y: 0 },
        { x: 0, y: 0 },
      ],
      [0, 0],
    ],
  );
});

test('more dimensions than points is no trouble', async () => {
  const { points } = await principalPlane(cloud(3, 200).vectors);
  assert.ok(points.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
});

test('groups are read with their titles and classes', () => {
  const groups = parseGroups(['# Order', 'a b', 'c d', '', 'b a', '', '', '# Voice', '', 'x', 'y', 'z'], 'groups.txt');
  assert.deepEqual(groups, [
    { title: 'Order', classes: [['a b', 'c d'], ['b a']] },
    { title: 'Voice', classes: [['x', 'y', 'z']] },
  ]);
  assert.deepEqual(
    parseGroups(['a', 'b', 'c'], 'groups.txt').map(({ classes }) => classes),
    [[['a', 'b', 'c']]],
  );
});

test('classes may have names', () => {
  const lines = ['# Order', '## Mary first', 'a b', 'c d', '## ', 'b a', '', 'd c', '# Voice', 'x', 'y', 'z'];
  const [order, voice] = parseGroups(lines, 'groups.txt');
  assert.deepEqual(order, { title: 'Order', classes: [['a b', 'c d'], ['b a'], ['d c']], names: ['Mary first', undefined, undefined] });
  assert.deepEqual(voice, { title: 'Voice', classes: [['x', 'y', 'z']] });
});

test('groups that cannot be drawn are refused by name', () => {
  assert.throws(() => parseGroups(['# Two', 'a', 'b'], 'groups.txt'), /groups\.txt, group "Two": 2 sentences; expected 3 to 200/);
  assert.throws(() => parseGroups(['', ' '], 'groups.txt'), /groups\.txt: no sentences/);
  assert.throws(() => parseGroups(Array(201).fill('a'), 'groups.txt'), /201 sentences/);
});

test('the groups of the paper are those of its figure', () => {
  assert.deepEqual(
    paperGroups.map(({ classes }) => classes.map((sentences) => sentences.length)),
    [
      [3, 3],
      [3, 3],
    ],
  );
});

test('a map leaves out empty lines, and shows a bounded number of sentences', async () => {
  const reader = {
    sentenceVectors: async (lines: readonly string[]) => ({
      description: 'lengths',
      vectors: lines.map((line) => (line === '' ? undefined : Float32Array.of(line.length, line.length % 7))),
    }),
  };
  const few = await mapSentences(reader, ['a', '', 'abc', 'abcdefgh']);
  assert.deepEqual([few?.sentences, few?.points.length], [[0, 2, 3], 3]);
  const many = await mapSentences(
    reader,
    Array.from({ length: 100_000 }, (_, index) => 'x'.repeat(1 + (index % 50))),
  );
  assert.deepEqual([many?.points.length, many?.sentences[1]], [2_000, 50]);
  assert.equal(await mapSentences(reader, ['a', 'b', '']), undefined);
});
