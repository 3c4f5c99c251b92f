import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Symmetrisation, symmetrisations } from '../../src/alignment/options.js';
import { pharaohLine } from '../../src/alignment/pharaoh.js';
import { symmetrise } from '../../src/alignment/symmetrisation.js';

const line = (sourceOf: number[], targetOf: number[], how: Symmetrisation) => pharaohLine(symmetrise(sourceOf, targetOf, how));

test('a link between a linked word and its neighbour grows; one far from all is added at the end', () => {
  // Forward says 0-0 1-1 1-2 5-5, reverse 0-0 1-1 4-4: both say 0-0 and 1-1.
  const [sourceOf, targetOf] = [
    [0, 1, 1, -1, -1, 5],
    [0, 1, -1, -1, 4, -1],
  ];
  assert.equal(line(sourceOf, targetOf, 'intersect'), '0-0 1-1');
  assert.equal(line(sourceOf, targetOf, 'union'), '0-0 1-1 1-2 4-4 5-5');
  assert.equal(line(sourceOf, targetOf, 'grow-diag'), '0-0 1-1 1-2');
  assert.equal(line(sourceOf, targetOf, 'grow-diag-final'), '0-0 1-1 1-2 4-4 5-5');
  assert.equal(line(sourceOf, targetOf, 'grow-diag-final-and'), '0-0 1-1 1-2 4-4 5-5');
});

test('final adds a link of one free word, final-and only of two', () => {
  // Both say 0-0; forward also says 0-3, far from it: target 3 is free, source 0 is not.
  const [sourceOf, targetOf] = [
    [0, -1, -1, 0],
    [0, -1],
  ];
  assert.equal(line(sourceOf, targetOf, 'grow-diag-final'), '0-0 0-3');
  assert.equal(line(sourceOf, targetOf, 'grow-diag-final-and'), '0-0');
});

test('what grows may grow on, across a diagonal', () => {
  // Both say 0-0; forward 1-1 and 2-2, one after the other beside what is there.
  assert.equal(line([0, 1, 2], [0, -1, -1], 'grow-diag'), '0-0 1-1 2-2');
});

test('without a common link nothing grows', () => {
  assert.equal(line([1, 0], [0, 1], 'grow-diag'), '');
  assert.equal(line([1, 0], [0, 1], 'grow-diag-final-and'), '0-1 1-0');
});

test('every heuristic lies between the intersection and the union', () => {
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 50; round++) {
    const [sources, targets] = [1 + random(7), 1 + random(7)];
    const sourceOf = Array.from({ length: targets }, () => random(sources + 1) - 1);
    const targetOf = Array.from({ length: sources }, () => random(targets + 1) - 1);
    const links = new Map(symmetrisations.map((how) => [how, line(sourceOf, targetOf, how).split(' ').filter(Boolean)]));
    const union = new Set(links.get('union'));
    for (const [how, chosen] of links) {
      assert.ok(
        chosen.every((link) => union.has(link)),
        how,
      );
      if (how !== 'union')
        assert.ok(
          links.get('intersect')?.every((link) => chosen.includes(link)),
          how,
        );
    }
  }
});
