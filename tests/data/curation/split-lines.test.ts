import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../../src/core/random.js';
import { type SplitGroups, type SplitOptions, splitLines } from '../../../src/data/curation/split-lines.js';
import { gathered, pairsOf, textOf } from './lines.js';

const words = [
  'red',
  'green',
  'old',
  'tall',
  'house',
  'river',
  'stone',
  'bird',
  'runs',
  'sings',
  'falls',
  'sleeps',
  'north',
  'cold',
  'glass',
];

/** Pairs of which some share a side, or have one that is nearly another. */
function corpus(lines: number) {
  const key = randomKey(3, 'corpus');
  let drawn = 0;
  const sentence = () => Array.from({ length: 7 }, () => words[uniformInteger(key, drawn++, words.length)]).join(' ');
  const pairs: [string, string][] = [];
  for (let line = 0; line < lines; line++) {
    const before = pairs[uniformInteger(key, drawn++, pairs.length || 1)];
    const kind = uniformInteger(key, drawn++, 4);
    if (before !== undefined && kind === 0) pairs.push([before[0], sentence()]);
    else if (before !== undefined && kind === 1) pairs.push([`${before[0]}.`, sentence()]);
    else pairs.push([sentence(), sentence()]);
  }
  return pairsOf(...pairs);
}

async function partsOf(lines: ReturnType<typeof corpus>, options: SplitOptions) {
  const verdicts = await gathered(splitLines(lines, options));
  return verdicts.map(({ part, dropped }) => part ?? dropped?.reason);
}

test('no side of a part is in another, nor one that differs in a mark', async () => {
  const lines = corpus(600);
  let groups: SplitGroups | undefined;
  const parts = await partsOf(lines, { dev: '10%', test: '10%', onGrouped: (found) => (groups = found) });
  const places = new Map<string, string>();
  for (const [index, { sides }] of lines.entries()) {
    const part = parts[index] ?? '';
    if (part === 'leak') continue;
    for (const side of sides.map((text, place) => `${place} ${text.replace(/\.+$/, '')}`)) {
      assert.equal(places.get(side) ?? part, part, side);
      places.set(side, part);
    }
  }
  for (const part of ['dev', 'test']) assert.ok(parts.filter((each) => each === part).length > 20, part);
  assert.ok(groups !== undefined && groups.groups < 600 && groups.largest.lines > 1);
});

test('a seed gives the same split again, another seed another', async () => {
  const lines = corpus(200);
  const options = { dev: '10%', test: '10%' };
  assert.deepEqual(await partsOf(lines, options), await partsOf(lines, options));
  assert.notDeepEqual(await partsOf(lines, options), await partsOf(lines, { ...options, seed: 2 }));
});

test('with shares, lines stay where they are when others are appended', async () => {
  const lines = textOf(
    ...Array.from({ length: 400 }, (_, index) => `${words[index % 15]} ${index * 7919} ${words[(index * 7) % 13]} ${index}`),
  );
  const options = { dev: '10%', test: '10%', similarity: 'off' } as const;
  const before = await partsOf(lines.slice(0, 300), options);
  assert.deepEqual((await partsOf(lines, options)).slice(0, 300), before);
});

test('a number of lines is met exactly, and refused where there are too few', async () => {
  const parts = await partsOf(corpus(600), { dev: 30, test: 50, similarity: 'off' });
  assert.equal(parts.filter((part) => part === 'dev').length, 30);
  assert.equal(parts.filter((part) => part === 'test').length, 50);
  await assert.rejects(partsOf(corpus(20), { dev: 30, test: 50 }), /split options\.test: 50 lines wanted of 20/);
});

test('nothing leaks between long lines, whose groups are found by an estimate', async () => {
  const key = randomKey(5, 'corpus');
  let drawn = 0;
  const letters = () => Array.from({ length: 120 }, () => String.fromCharCode(97 + uniformInteger(key, drawn++, 26)));
  const texts: string[] = [];
  for (let line = 0; line < 150; line++) {
    const first = letters();
    // Similarities on both sides of 0.8: a change takes up to five n-grams of each.
    const second = first.map((letter, place) => (place % 50 === 7 && place < 100 ? '#' : letter));
    texts.push(first.join(''), `${second.join('')}${'?!'.slice(0, line % 3)}`);
  }
  const grams = (text: string) => new Set(Array.from({ length: text.length - 4 }, (_, start) => text.slice(start, start + 5)));
  const verdicts = await gathered(splitLines(textOf(...texts), { dev: 30, test: 30 }));
  const sets = verdicts.flatMap(({ line, part }) => (part === undefined ? [] : [{ part, grams: grams(line.sides[0] ?? '') }]));
  const held = sets.filter(({ part }) => part !== 'train');
  const most = held.map(({ part, grams }) =>
    Math.max(
      ...sets
        .filter((other) => other.part !== part)
        .map((other) => {
          const common = [...grams].filter((gram) => other.grams.has(gram)).length;
          return common / (grams.size + other.grams.size - common);
        }),
    ),
  );
  assert.ok(Math.max(...most) < 0.81, `${Math.max(...most)}`);
});

test('shares of both held-out parts are at most all lines', async () => {
  await assert.rejects(gathered(splitLines(textOf('a'), { dev: '60%', test: '50%' })), /at most 100% for both together/);
  await assert.rejects(gathered(splitLines(textOf('a'), { dev: '150%' })), /expected a number of lines, or a share such as 1%/);
});
