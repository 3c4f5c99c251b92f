import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writtenExamples } from '../../src/browser/examples.js';

async function texts(data: ReadonlyMap<string, Blob>): Promise<Record<string, string>> {
  return Object.fromEntries(await Promise.all(Array.from(data, async ([name, blob]) => [name, await blob.text()] as const)));
}

test('pairs become parallel files, a sentence a line whatever is in it; other options stay', async () => {
  const dev = { generator: 'digits:copy' };
  const given = {
    data: {
      train: [
        ['one\r\ntwo', 'un'],
        ['', 'x\ty'],
      ],
      dev,
      maximumLength: 9,
    },
    model: { kind: 'lstm' },
  };
  const { configuration, data } = writtenExamples(given);
  const train = { source: 'data/train.source', target: 'data/train.target' };
  assert.deepEqual(configuration, { version: 1, model: { kind: 'lstm' }, data: { train, dev, maximumLength: 9 } });
  assert.deepEqual(await texts(data), { 'data/train.source': 'one two\n\n', 'data/train.target': 'un\nx\ty\n' });
});

test('documents become a file each', async () => {
  const { configuration, data } = writtenExamples({ data: { train: ['first\nstory', 'second'] } });
  const train = { text: ['data/train-1.txt', 'data/train-2.txt'], documents: 'file' };
  assert.deepEqual(configuration, { version: 1, data: { train } });
  assert.deepEqual(await texts(data), { 'data/train-1.txt': 'first\nstory', 'data/train-2.txt': 'second' });
});

test('what are no examples is refused, with the number of the first that is none', () => {
  const refused = (given: unknown) => {
    try {
      writtenExamples(given as Parameters<typeof writtenExamples>[0]);
    } catch (error) {
      return String(error);
    }
    return 'taken';
  };
  assert.match(refused(null), /configuration: no value; expected a record with data\.train/);
  assert.match(refused({ data: {} }), /data\.train: nothing; expected a list of pairs or documents, or \{ generator \}/);
  assert.match(refused({ data: { train: { tsv: 'train.tsv' } } }), /A page has no files: give their contents/);
  assert.match(refused({ data: { train: [['a', 'b'], ['c']] } }), /data\.train, item 2: .*expected pairs, \[source, target\]/);
  assert.match(refused({ data: { train: [['a', 'b']], dev: ['a', 5] } }), /data\.dev, item 2: 5; expected documents/);
});
