import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { memoryFiles } from '../../../src/core/memory-files.js';
import { corpusPage } from '../../../src/analysis/report/corpus-page.js';
import { corpusLines } from '../../../src/data/curation/corpus-line.js';
import { corpusStatistics } from '../../../src/data/curation/statistics.js';
import { gathered } from './lines.js';

test('statistics count lines, duplicates, lengths, scripts and languages of each side', async () => {
  const files = memoryFiles({
    en: gzipSync('The cat sleeps.\nThe cat sleeps.\n\nI live in 東京 now.\nOK\n'),
    fr: 'Le chat dort.\nle chat  dort.\nRien.\nJ’habite à Tokyo.\nok\n',
  });
  const lines = corpusLines(files, { source: 'en', target: 'fr' });
  const statistics = await corpusStatistics(lines, { longest: 1 });
  const [source, target] = statistics.sides;
  assert.equal(statistics.lines, 5);
  assert.deepEqual(statistics.pairs, {
    duplicates: 1,
    same: 1,
    wordRatios: [
      { value: 0.5, count: 1 },
      { value: 1, count: 3 },
    ],
  });
  assert.deepEqual([source?.empty, source?.duplicates, target?.duplicates], [1, 1, 1]);
  // Every character of a script without spaces is a word.
  assert.equal(source?.words, 3 + 3 + 0 + 6 + 1);
  assert.deepEqual(source?.longest, [{ line: 4, characters: 17, words: 6, text: 'I live in 東京 now.' }]);
  assert.equal(source?.scripts.find(({ name }) => name === 'Han')?.characters, 2);
  assert.equal(target?.languages[0]?.language, 'fr');
  const page = await corpusPage('en and fr', statistics, 'decade data stats');
  for (const text of ['Source, words per line', 'Characters by script', 'I live in 東京 now.']) assert.ok(page.includes(text), text);
});

test('rows have their text in the columns that are named, and bad ones are told by their number', async () => {
  const files = memoryFiles({
    t: 'id1\tHello\tBonjour\t0.9\nid2\tbad\nid3\tYes\tOui\t0.5\n',
    two: 'a\tb\nc  d\ne\tf\tg\n',
    bad: Uint8Array.of(0xff, 0x0a, 0x61),
  });
  const [first, second, third] = await gathered(corpusLines(files, { tsv: 't', columns: [2, 3] }));
  assert.deepEqual(first, { number: 1, sides: ['Hello', 'Bonjour'], columns: ['id1', 'Hello', 'Bonjour', '0.9'] });
  assert.equal(second?.unusable, 'columns');
  assert.deepEqual(third?.sides, ['Yes', 'Oui']);
  assert.deepEqual(
    (await gathered(corpusLines(files, { tsv: 'two' }))).map(({ unusable }) => unusable),
    [undefined, 'spaces', 'columns'],
  );
  assert.deepEqual(
    (await gathered(corpusLines(files, { text: 'bad' }))).map(({ unusable }) => unusable),
    ['encoding', undefined],
  );
});
