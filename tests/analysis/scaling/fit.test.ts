import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitGroups } from '../../../src/analysis/scaling/fit.js';
import { fitPage } from '../../../src/analysis/scaling/fit-page.js';
import { fitLine } from '../../../src/analysis/scaling/line.js';
import { type PointOptions, type PointTable, pointsOf } from '../../../src/analysis/scaling/points.js';
import { twoSidedProbability, twoSidedQuantile } from '../../../src/analysis/scaling/student.js';
import { describeDeviations } from '../../../src/analysis/scaling/wording.js';
import { rowsOf } from '../../../src/cli/table-input.js';
import { DecadeError } from '../../../src/core/errors.js';
import { normal, randomKey, uniform } from '../../../src/core/random.js';

const near = (value: number | undefined, expected: number, within = 1e-6) =>
  assert.ok(Math.abs((value ?? Number.NaN) - expected) <= within, `${value} is not ${expected}`);

test('Student’s t has the published quantiles and probabilities', () => {
  for (const [degrees, quantile] of [
    [1, 12.7062047],
    [2, 4.3026527],
    [10, 2.2281389],
    [30, 2.0422725],
    [236, 1.9700669],
  ] as const) {
    near(twoSidedQuantile(0.05, degrees), quantile, 1e-6);
    near(twoSidedProbability(quantile, degrees), 0.05, 1e-8);
  }
  // Closed forms: 1 degree of freedom is Cauchy's distribution, 2 has an algebraic one.
  near(twoSidedProbability(3, 1), 1 - (2 / Math.PI) * Math.atan(3), 1e-12);
  near(twoSidedProbability(3, 2), 1 - 3 / Math.sqrt(11), 1e-12);
  assert.equal(twoSidedProbability(0, 7), 1);
});

/** Anscombe (1973), the third of his data sets: ten points on a line and one off it. */
const anscombe = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5].map((x, place) => ({
  name: `point ${place + 1}`,
  x,
  y: [7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73][place] as number,
}));

test('a line has the published coefficients, errors and outlier of a known data set', () => {
  const line = fitLine(anscombe, (value) => value);
  near(line.slope.value, 0.49972727, 1e-8);
  near(line.slope.standardError, 0.1178777, 1e-6);
  near(line.intercept.value, 3.0024545, 1e-6);
  near(line.intercept.standardError, 1.1244812, 1e-6);
  near(line.explained, 0.666324, 1e-6);
  near(line.scatter, 1.2363114, 1e-6);
  assert.deepEqual(
    line.outliers.map(({ name }) => name),
    ['point 3'],
  );
  near(line.at(0).low, line.intercept.low, 1e-12);
});

/** Points around y = c x^b, from a seed. */
function cloud(seed: number, exponent: number, points: number, scatter: number) {
  const key = randomKey(seed, 'corpus');
  return Array.from({ length: points }, (_, place) => {
    const x = Math.exp(1 + 6 * uniform(key, 1_000 + place));
    return { name: String(place), x, y: 3 * x ** exponent * Math.exp(scatter * normal(key, place)) };
  });
}

test('the interval of an exponent holds the true one in 95 of 100 tables', () => {
  let held = 0;
  for (let seed = 0; seed < 400; seed++) {
    const { slope } = fitLine(cloud(seed, 0.75, 12, 0.3), Math.log);
    if (slope.low <= 0.75 && 0.75 <= slope.high) held++;
  }
  assert.ok(held >= 364 && held <= 394, `${held} of 400`);
});

test('equal exponents are told apart in 5 of 100 tables, different ones nearly always', () => {
  const significant = (one: number, other: number) => {
    let found = 0;
    for (let seed = 0; seed < 200; seed++) {
      const groups = [
        { name: 'one', points: cloud(2 * seed, one, 20, 0.2) },
        { name: 'other', points: cloud(2 * seed + 1, other, 20, 0.2) },
      ];
      const [pair] = fitGroups({ groups }, true).differences;
      if ((pair?.pooled.probability ?? 1) < 0.05) found++;
    }
    return found;
  };
  const equal = significant(0.75, 0.75);
  assert.ok(equal >= 2 && equal <= 20, `${equal} of 200`);
  assert.ok(significant(0.75, 1) > 190);
});

test('of several differences each probability is corrected for the others', () => {
  const groups = [0.7, 0.72, 1.2].map((exponent, place) => ({ name: String(place), points: cloud(place, exponent, 20, 0.2) }));
  for (const { pooled, adjusted } of fitGroups({ groups }, true).differences) {
    assert.ok(adjusted >= pooled.probability && adjusted <= Math.min(1, 3 * pooled.probability));
  }
});

const options: PointOptions = { where: 't.csv', x: 'x', y: 'y', isLogarithmic: true, excluded: [] };
const readPoints = (text: string, given: PointOptions) => pointsOf(rowsOf(text, 't.csv'), given);

test('a table gives points by group, and names each line that gives none', () => {
  const text = '\uFEFFname,kind,x,y\n"A, first",p,1,2\nb,q,2,NA\nc,p,0,3\n\nd,q,4,1e3\ne,q\nf,q,2,4,5\ng,q,0x10,1\n';
  const table = readPoints(text, { ...options, group: 'kind' });
  assert.deepEqual(table.groups, [
    { name: 'p', points: [{ name: 'A, first', x: 1, y: 2 }] },
    { name: 'q', points: [{ name: 'd', x: 4, y: 1000 }] },
  ]);
  assert.deepEqual(table.unusable, [
    { line: 3, reason: "y 'NA' is no number" },
    { line: 4, reason: 'x 0 has no logarithm' },
    { line: 7, reason: 'x is missing, y is missing' },
    { line: 8, reason: '5 values for 4 columns (a comma within a number?)' },
    { line: 9, reason: "x '0x10' is no number" },
  ]);
});

test('points are left out by name, and a name that no point has is a mistake', () => {
  const text = 'name,x,y\na,1,1\nb,2,2\n';
  assert.deepEqual(
    readPoints(text, { ...options, excluded: ['a'] }).groups[0]?.points.map(({ name }) => name),
    ['b'],
  );
  assert.throws(() => readPoints(text, { ...options, excluded: ['c'] }), DecadeError);
});

test('a column that a table lacks is told with those it has; broken quotes with their line', () => {
  assert.throws(() => readPoints('size,y\n1,2\n', { ...options, x: 'sise' }), /sise.*size, y.*did you mean 'size'/is);
  assert.throws(() => readPoints('x,y\n1,"2\n', options), /t\.csv: line \d+/);
  assert.throws(() => readPoints('', options), /an empty table/);
});

test('a group that is no line is named with the reason, and the others are fitted', () => {
  const table: Pick<PointTable, 'groups'> = {
    groups: [
      { name: 'few', points: anscombe.slice(0, 2) },
      { name: 'upright', points: [1, 2, 3].map((y) => ({ name: '', x: 1, y })) },
      { name: 'all', points: anscombe },
    ],
  };
  const fitted = fitGroups(table, false);
  assert.deepEqual(
    fitted.groups.map(({ name }) => name),
    ['all'],
  );
  assert.deepEqual(fitted.unfitted, [
    { name: 'few', reason: '2 of at least 3 points' },
    { name: 'upright', reason: 'all points at one place' },
  ]);
});

test('figures that are large, small or far from 0 have the line of their distances', () => {
  const steps = [0, 1, 2, 3].map((step) => ({ name: '', step, y: 1 + 2 * step + (step === 2 ? 0.1 : 0) }));
  const plain = fitLine(
    steps.map(({ name, step, y }) => ({ name, x: step, y })),
    (value) => value,
  );
  for (const [origin, unit] of [
    [1e16, 2],
    [0, 1e-200],
    [1e200, 1e200],
  ] as const) {
    const line = fitLine(
      steps.map(({ name, step, y }) => ({ name, x: origin + unit * step, y })),
      (value) => value,
    );
    near(line.slope.value * unit, plain.slope.value, 1e-9);
    near(line.slope.low * unit, plain.slope.low, 1e-9);
    near(line.explained, plain.explained, 1e-9);
  }
});

test('a point beside a line that all others are on is an outlier', () => {
  const points = Array.from({ length: 10 }, (_, x) => ({ name: String(x), x, y: x === 9 ? 100 : 2 * x + 1 }));
  assert.deepEqual(
    fitLine(points, (value) => value).outliers.map(({ name, deviations }) => [name, deviations]),
    [['9', Infinity]],
  );
  assert.deepEqual(fitLine(points.slice(0, 9), (value) => value).outliers, []);
});

test('groups without scatter differ for certain, or not at all', () => {
  const group = (name: string, slope: number) => ({ name, points: [0, 1, 2, 3].map((x) => ({ name: '', x, y: slope * x })) });
  const [differing] = fitGroups({ groups: [group('one', 1), group('two', 2)] }, false).differences;
  assert.deepEqual([differing?.pooled.probability, differing?.separate.probability], [0, 0]);
  const [equal] = fitGroups({ groups: [group('one', 1), group('two', 1)] }, false).differences;
  assert.deepEqual([equal?.pooled.probability, equal?.separate.probability], [1, 1]);
});

test('a page shows each group’s points and exponent, and takes names of a table for text', async () => {
  const groups = ['<b>', 'other'].map((name, seed) => ({ name, points: cloud(seed, 0.7, 9, 0.1) }));
  const points = { groups, unusable: [], excluded: 0 };
  const html = await fitPage({ name: 't.csv', columns: { x: 'x', y: 'y' }, points, fit: fitGroups(points, true) });
  assert.match(html, /&lt;b&gt;: exponent 0\.\d{4}/);
  assert.doesNotMatch(html, /<b>:/);
  // One for each point, and one for each group in the legend.
  assert.equal(html.match(/class="dot"/g)?.length, 9 * 2 + 2);
});

test('of more groups than are worth comparing none are, and the page says so', async () => {
  const groups = Array.from({ length: 51 }, (_, seed) => ({ name: `g${seed}`, points: cloud(seed, 0.5, 4, 0.1) }));
  const fit = fitGroups({ groups }, true);
  assert.deepEqual([fit.groups.length, fit.differences.length], [51, 0]);
  assert.equal(fitGroups({ groups: groups.slice(1) }, true).differences.length, (50 * 49) / 2);
  const points: PointTable = { groups, unusable: [], excluded: 0 };
  assert.match(await fitPage({ name: 't', columns: { x: 'x', y: 'y' }, points, fit }), /51 groups: every two are compared up to 50/);
});

test('of very many points a page draws some, and every outlier', async () => {
  const many = Array.from({ length: 12_000 }, (_, place) => ({
    name: String(place),
    x: place,
    y: place + (place % 3) + (place === 7_001 ? 900 : 0),
  }));
  const groups = [{ name: '', points: many }];
  const html = await fitPage({
    name: 't',
    columns: { x: 'x', y: 'y' },
    points: { groups, unusable: [], excluded: 0 },
    fit: fitGroups({ groups }, false),
  });
  assert.match(html, /Of 12,000 points one in 3 is drawn, and every outlier/);
  assert.ok(html.length < 1_500_000, String(html.length));
  assert.match(html, /7001/);
});

test('a point beside a line that all others are on is not infinitely far in words', () => {
  assert.equal(describeDeviations(-Infinity), 'all others are on the line');
  assert.equal(describeDeviations(-8.62), '−8.6 deviations');
});
