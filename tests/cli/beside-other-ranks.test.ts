import assert from 'node:assert/strict';
import { after, mock, test } from 'node:test';
import { runCommandLine } from '../../src/cli/command-line.js';
import { staysAway } from '../../src/cli/ranks.js';
import { DecadeError } from '../../src/core/errors.js';

const names = ['OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE'] as const;
const before = names.map((name) => process.env[name]);
after(() => {
  for (const [index, name] of names.entries()) {
    if (before[index] === undefined) delete process.env[name];
    else process.env[name] = before[index];
  }
});
const onRank = (rank: number, command: string, onlyTells = false) => {
  process.env.OMPI_COMM_WORLD_RANK = String(rank);
  process.env.OMPI_COMM_WORLD_SIZE = '2';
  return staysAway(command, onlyTells);
};

test('beside other ranks, rank 0 alone prints help, all train and translate, and nothing else is begun', () => {
  for (const joint of ['train', 'translate']) assert.deepEqual([onRank(0, joint), onRank(1, joint)], [false, false]);
  assert.deepEqual([onRank(0, 'train', true), onRank(1, 'train', true)], [false, true]);
  assert.deepEqual([onRank(0, 'data', true), onRank(1, 'data', true)], [false, true]);
  assert.throws(() => onRank(0, 'pack'), DecadeError);
  assert.equal(onRank(1, 'pack'), true);
});

test('what is wrong with the command line, rank 0 alone says; all end with the same code', async () => {
  for (const words of [
    ['train', '--ouch'],
    ['bench', 'nonsense'],
  ]) {
    const said = [];
    for (const rank of [0, 1]) {
      onRank(rank, 'train');
      const write = mock.method(process.stderr, 'write', () => true);
      try {
        assert.equal(await runCommandLine(['node', 'decade', ...words]), 2);
        said.push(write.mock.callCount());
      } finally {
        write.mock.restore();
      }
    }
    assert.deepEqual(said, [1, 0], words.join(' '));
  }
});
