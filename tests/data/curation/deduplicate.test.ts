import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomKey, uniformInteger } from '../../../src/core/random.js';
import { deduplicate } from '../../../src/data/curation/deduplicate.js';
import { fingerprint, FingerprintMap } from '../../../src/data/curation/fingerprints.js';
import { bandingFor, NearLines } from '../../../src/data/curation/near-lines.js';
import { VerdictReport } from '../../../src/data/curation/verdict.js';
import { droppedOf, gathered, pairsOf, textOf } from './lines.js';

test('the first of equal lines is kept, in their order; case and spaces make no difference unless asked for', async () => {
  const lines = textOf('One', 'Two', 'one ', 'Three', 'ONE');
  assert.deepEqual(await droppedOf(deduplicate(lines)), ['3 duplicate', '5 duplicate']);
  assert.deepEqual(await droppedOf(deduplicate(lines, { form: 'verbatim' })), []);
  const [, , third] = await gathered(deduplicate(lines));
  assert.equal(third?.dropped?.detail, 'line as in line 1');
});

test('pairs are the same as a whole, or by their source or target alone', async () => {
  const lines = pairsOf(['a', 'x'], ['a', 'y'], ['b', 'x'], ['a', 'x']);
  assert.deepEqual(await droppedOf(deduplicate(lines)), ['4 duplicate']);
  assert.deepEqual(await droppedOf(deduplicate(lines, { by: ['source'] })), ['2 duplicate', '4 duplicate']);
  assert.deepEqual(await droppedOf(deduplicate(lines, { by: ['source', 'target'] })), ['2 duplicate', '3 duplicate', '4 duplicate']);
  // The two sides of a pair do not run into each other.
  assert.deepEqual(await droppedOf(deduplicate(pairsOf(['ab', 'c'], ['a', 'bc']))), []);
});

test('near duplicates are dropped from the asked similarity on', async () => {
  const lines = textOf(
    'The committee will meet again on Monday at nine to decide about the budget.',
    'The committee will meet again on Tuesday at nine to decide about the budget.',
    'Nobody had expected the little boat to come back through the storm.',
  );
  assert.deepEqual(await droppedOf(deduplicate(lines, { similarity: 0.7 })), ['2 near-duplicate']);
  assert.deepEqual(await droppedOf(deduplicate(lines, { similarity: 0.95 })), []);
});

test('a line that holds no text is dropped for its own reason, and the rest goes on', async () => {
  const lines = [
    { number: 1, sides: [], unusable: 'encoding' as const },
    ...textOf('x', 'y').map((line) => ({ ...line, number: line.number + 1 })),
  ];
  const report = new VerdictReport();
  for await (const verdict of deduplicate(lines)) report.add(verdict);
  assert.deepEqual(report.toJSON(), {
    read: 3,
    kept: 2,
    dropped: { encoding: { count: 1, firstLine: 1, sample: [{ line: 1, sides: [], detail: undefined }] } },
  });
});

test('bands give the recall that is asked for, with no more than twelve where that is possible', () => {
  for (const similarity of [0.5, 0.7, 0.8, 0.9]) {
    const { bands, rows } = bandingFor(similarity, 0.95);
    assert.ok(bands <= 12, `${bands} bands at ${similarity}`);
    assert.ok(1 - (1 - similarity ** rows) ** bands >= 0.95);
  }
  assert.deepEqual(bandingFor(0.8, 0.95), { bands: 8, rows: 5 });
});

test('similarities are those of the sets of n-grams, and near lines are found as often as promised', () => {
  const key = randomKey(1, 'corpus');
  const size = 5;
  let [drawn, near, found] = [0, 0, 0];
  for (let line = 0; line < 400; line++) {
    const letters = Array.from({ length: 50 }, () => String.fromCharCode(97 + uniformInteger(key, drawn++, 26)));
    const changed = letters.slice();
    for (let change = 0; change < 1 + (line % 3); change++) changed[uniformInteger(key, drawn++, 50)] = '#';
    const [one, other] = [letters.join(''), changed.join('')];
    const truth = jaccard(one, other, size);
    const lines = new NearLines({ similarity: 0.6, recall: 0.95, unit: 'characters', size });
    lines.visitNear([one], () => true);
    lines.add(7);
    let seen: number | undefined;
    lines.visitNear([other], (number, similarity) => {
      assert.equal(number, 7);
      seen = similarity;
      return true;
    });
    if (seen !== undefined) assert.ok(Math.abs(seen - truth) < 1e-9, `${seen} is ${truth}`);
    if (truth < 0.6) assert.equal(seen, undefined);
    else {
      near++;
      if (seen !== undefined) found++;
    }
  }
  assert.ok(near > 150);
  assert.ok(found / near >= 0.95, `${found} of ${near}`);
});

test('of lines with more n-grams than are kept the similarity is estimated', () => {
  const words = Array.from({ length: 400 }, (_, index) => `word${index}`);
  const changed = words.map((word, index) => (index % 10 === 0 ? `other${index}` : word));
  const seenWith = (sketch?: number) => {
    const lines = new NearLines({ similarity: 0.5, recall: 0.999, sketch, unit: 'words', size: 1 });
    lines.visitNear([words.join(' ')], () => true);
    lines.add(1);
    let seen = 0;
    lines.visitNear([changed.join(' ')], (_, similarity) => {
      seen = similarity;
      return true;
    });
    return seen;
  };
  const truth = 360 / 440;
  assert.ok(Math.abs(seenWith() - truth) < 0.15, `${seenWith()} is about ${truth}`);
  assert.ok(Math.abs(seenWith(512) - truth) < 0.01, `${seenWith(512)} is ${truth}, but for equal hashes`);
});

function jaccard(one: string, other: string, size: number): number {
  const grams = (text: string) => new Set(Array.from({ length: text.length - size + 1 }, (_, start) => text.slice(start, start + size)));
  const [a, b] = [grams(one), grams(other)];
  const common = [...a].filter((gram) => b.has(gram)).length;
  return common / (a.size + b.size - common);
}

test('a map of fingerprints gives what was put into it, however it grows', () => {
  const map = new FingerprintMap();
  for (let number = 0; number < 5_000; number++) assert.equal(map.getOrSet(fingerprint(`line ${number}`), number), undefined);
  for (let number = 0; number < 5_000; number++) assert.equal(map.get(fingerprint(`line ${number}`)), number);
  assert.equal(map.get(fingerprint('another')), undefined);
  assert.equal(map.size, 5_000);
});

test('text in one language has no target to be the same', async () => {
  await assert.rejects(gathered(deduplicate(textOf('a', 'a'), { by: ['target'] })), { kind: 'usage', message: /text in one language/ });
});

test('a report shows the columns of a row that holds no text', () => {
  const report = new VerdictReport();
  report.add({ line: { number: 7, sides: [], columns: ['no tab'], unusable: 'columns' }, dropped: { reason: 'columns' } });
  assert.deepEqual(report.dropped.columns?.sample, [{ line: 7, sides: ['no tab'], detail: undefined }]);
});
