import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bitext } from '../../src/alignment/bitext.js';
import { diagonalProbabilities, expectedFeature } from '../../src/alignment/diagonal.js';
import { digamma } from '../../src/alignment/digamma.js';
import { alignmentOptions } from '../../src/alignment/options.js';
import { pharaohLine } from '../../src/alignment/pharaoh.js';
import { WordAlignment } from '../../src/alignment/word-alignment.js';

type Pair = readonly [source: readonly number[], target: readonly number[]];

/** The same model from its formulas: maps instead of tables, sums instead of series, a derivative by differences. */
function plainModel(pairs: readonly Pair[], targetWords: number, { iterations, nullProbability, tension: start, prior }: PlainOptions) {
  const key = (given: number, written: number) => `${given} ${written}`;
  let tension = start;
  let table = new Map<string, number>();
  for (const [source, target] of pairs) for (const g of [-1, ...source]) for (const w of target) table.set(key(g, w), 1);
  for (let w = 0; w < targetWords; w++) table.set(key(-1, w), 1);
  const prob = (pair: Pair, w: number, g: number) => {
    const [source, target] = pair;
    const word = target[w] as number;
    if (g < 0) return nullProbability * (table.get(key(-1, word)) as number);
    return (
      (1 - nullProbability) *
      (plainDiagonal(w + 1, target.length, source.length, tension)[g] as number) *
      (table.get(key(source[g] as number, word)) as number)
    );
  };
  for (let iteration = 0; iteration < iterations; iteration++) {
    const counts = new Map(Array.from(table.keys(), (name) => [name, 0]));
    let [features, linked, words] = [0, 0, 0];
    for (const pair of pairs) {
      const [source, target] = pair;
      for (const [w, word] of target.entries()) {
        const givens = [-1, ...source.keys()];
        const joint = givens.map((g) => prob(pair, w, g));
        const sum = joint.reduce((total, value) => total + value, 0);
        words++;
        for (const [index, g] of givens.entries()) {
          const posterior = (joint[index] as number) / sum;
          const name = key(g < 0 ? -1 : (source[g] as number), word);
          counts.set(name, (counts.get(name) as number) + posterior);
          if (g < 0) continue;
          linked += posterior;
          features -= posterior * Math.abs((w + 1) / target.length - (g + 1) / source.length);
        }
      }
    }
    table = new Map(
      Array.from(counts, ([name, count]) => {
        const given = name.split(' ')[0];
        const total = Array.from(counts).reduce((sum, [other, value]) => (other.split(' ')[0] === given ? sum + value + prior : sum), 0);
        return [name, Math.exp(digamma(count + prior) - digamma(total))];
      }),
    );
    for (let step = 0; step < 8; step++) {
      let expected = 0;
      for (const [source, target] of pairs) {
        for (let i = 1; i <= target.length; i++) expected += plainExpected(i, target.length, source.length, tension);
      }
      tension = Math.min(14, Math.max(0.1, tension + (20 * (features - (expected * linked) / words)) / words));
    }
  }
  const align = (pair: Pair) =>
    pair[1].map((_, w) => {
      const joint = [-1, ...pair[0].keys()].map((g) => [prob(pair, w, g), g] as const);
      return joint.reduce((best, one) => (one[0] > best[0] ? one : best))[1];
    });
  return { tension, table, align, key };
}

type PlainOptions = Pick<ReturnType<typeof alignmentOptions.parse>, 'iterations' | 'nullProbability' | 'tension' | 'prior'>;

function plainDiagonal(i: number, m: number, n: number, tension: number): number[] {
  const weights = Array.from({ length: n }, (_, j) => Math.exp(-tension * Math.abs(i / m - (j + 1) / n)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function plainExpected(i: number, m: number, n: number, tension: number): number {
  return plainDiagonal(i, m, n, tension).reduce((sum, p, j) => sum - p * Math.abs(i / m - (j + 1) / n), 0);
}

const pairs: readonly Pair[] = [
  [
    [0, 1],
    [0, 1],
  ],
  [
    [0, 2],
    [0, 2],
  ],
  [
    [3, 1],
    [1, 3, 4],
  ],
  [
    [0, 3, 2, 1],
    [0, 2, 3, 4, 1],
  ],
  [[2], [2, 4]],
  [
    [3, 3, 0],
    [3, 0],
  ],
];

test('the fast model has the probabilities, the tension and the links of the plain one', async () => {
  const options = alignmentOptions.parse({ iterations: 4 });
  const bitext = new Bitext();
  for (const [source, target] of pairs) bitext.add(source, target);
  bitext.add([], [1]);
  const alignment = await WordAlignment.estimate(bitext, { source: 4, target: 5 }, options);
  const { wordPairs, directions } = alignment;
  const turned = pairs.map(([source, target]): Pair => [target, source]);
  for (const [side, plain] of [
    ['forward', plainModel(pairs, 5, options)],
    ['reverse', plainModel(turned, 4, options)],
  ] as const) {
    const direction = directions[side];
    assert.ok(direction);
    assert.ok(Math.abs(direction.tension - plain.tension) < 1e-6, `${direction.tension} ${plain.tension}`);
    for (let number = 0; number < wordPairs.size; number++) {
      const [source, target] = [wordPairs.firsts[number] as number, wordPairs.seconds[number] as number];
      const expected = plain.table.get(side === 'forward' ? plain.key(source, target) : plain.key(target, source)) as number;
      const found = direction.probabilities[number] as number;
      assert.ok(Math.abs(found - expected) <= 1e-5 * expected + 1e-12, `${side} ${source} ${target}: ${found} ${expected}`);
    }
  }
  const forward = await WordAlignment.estimate(bitext, { source: 4, target: 5 }, options, { sides: 'forward' });
  const plain = plainModel(pairs, 5, options);
  for (const pair of pairs) {
    const expected = plain.align(pair).flatMap((g, w) => (g < 0 ? [] : [`${g}-${w}`]));
    assert.deepEqual(
      pharaohLine(forward.align(...pair))
        .split(' ')
        .sort(),
      expected.sort(),
    );
  }
  assert.equal(alignment.align([], [1]).length, 0);
});

test('the series of the diagonal are its sums, at every place and length', () => {
  for (const [m, n] of [
    [1, 1],
    [1, 7],
    [7, 1],
    [5, 5],
    [3, 8],
    [9, 4],
  ] as const) {
    for (const tension of [0.1, 4, 14]) {
      for (let i = 1; i <= m; i++) {
        const found = new Float64Array(n);
        diagonalProbabilities(i, m, n, tension, found);
        for (const [j, p] of plainDiagonal(i, m, n, tension).entries()) assert.ok(Math.abs(p - (found[j] as number)) < 1e-12);
        assert.ok(Math.abs(expectedFeature(i, m, n, tension) - plainExpected(i, m, n, tension)) < 1e-9, `${i} ${m} ${n} ${tension}`);
      }
    }
  }
});

test('digamma has its known values', () => {
  const euler = 0.5772156649015329;
  for (const [x, expected] of [
    [1, -euler],
    [0.5, -euler - 2 * Math.LN2],
    [10, 2.251752589066721],
    [0.01, -100.56088545786868],
  ] as const) {
    assert.ok(Math.abs(digamma(x) - expected) < 1e-9, `${x}: ${digamma(x)}`);
  }
});
