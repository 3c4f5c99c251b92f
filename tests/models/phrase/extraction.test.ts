import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extractPhrases } from '../../../src/models/phrase/extraction.js';

/** All pairs of spans, each against the definition. */
function plainPhrases(links: readonly (readonly [number, number])[], sources: number, targets: number, longest: number): string[] {
  const found: string[] = [];
  for (let s1 = 0; s1 < sources; s1++)
    for (let s2 = s1 + 1; s2 <= Math.min(sources, s1 + longest); s2++)
      for (let t1 = 0; t1 < targets; t1++)
        for (let t2 = t1 + 1; t2 <= Math.min(targets, t1 + longest); t2++) {
          const inside = links.map(([s, t]) => [s >= s1 && s < s2, t >= t1 && t < t2] as const);
          if (inside.some(([s, t]) => s && t) && inside.every(([s, t]) => s === t)) found.push(`${s1} ${s2} ${t1} ${t2}`);
        }
  return found.sort();
}

test('phrases are those that the definition names, by trying all spans', () => {
  let state = 3;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  let total = 0;
  for (let round = 0; round < 60; round++) {
    const [sources, targets, longest] = [1 + random(7), 1 + random(7), 1 + random(5)];
    const links = Array.from({ length: random(8) }, () => [random(sources), random(targets)] as const);
    const found: string[] = [];
    extractPhrases(Int32Array.from(links.flat()), sources, targets, longest, (...span) => found.push(span.join(' ')));
    assert.deepEqual(found.sort(), plainPhrases(links, sources, targets, longest));
    total += found.length;
  }
  assert.ok(total > 100);
});

test('words without a link are taken along at the ends, as often as there is room', () => {
  const found: string[] = [];
  // Target word 1 has no link.
  extractPhrases(Int32Array.of(0, 0, 1, 2), 2, 3, 7, (...span) => found.push(span.join('-')));
  assert.deepEqual(found.sort(), ['0-1-0-1', '0-1-0-2', '0-2-0-3', '1-2-1-3', '1-2-2-3']);
});
