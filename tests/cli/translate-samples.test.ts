import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseNbestLine } from '../../src/decoding/nbest.js';
import { decade, temporaryDirectory, writeTinyConfiguration } from './decade.js';

const directory = temporaryDirectory();
const run = join(directory, 'run');
const input = 'three weeks ago\n\n5 kilometers\n';

before(async () => {
  const options = ['--out', run, '--devices', '1', '--set', 'training.stop.epochs=1'];
  const { code, stderr } = await decade(['train', writeTinyConfiguration(directory), ...options]);
  assert.equal(code, 0, stderr);
});
after(() => rmSync(directory, { recursive: true, force: true }));

const translate = (...options: string[]) => decade(['translate', '-m', run, ...options], { input });

test('--sample draws a translation a line; without a choice it is greedy search', async () => {
  const greedy = await translate('--beam', '1');
  assert.equal((await translate('--sample', '--temperature', '0')).stdout, greedy.stdout);
  const [first, second] = [await translate('--sample', '--seed', '1'), await translate('--sample', '--seed', '2')];
  assert.deepEqual([first.code, first.stdout.split('\n').length, first.stdout.split('\n')[1]], [0, 4, '']);
  assert.notEqual(first.stdout, second.stdout);
  assert.equal((await translate('--sample')).stdout, first.stdout, 'the seed is 1 unless another is given');
});

test('--samples prints n-best lists, whose first entries are what one sample gives', async () => {
  const { code, stdout, stderr } = await translate('--sample', '--samples', '4', '--top-p', '0.9', '--max-length', '30');
  assert.equal(code, 0, stderr);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => parseNbestLine(line, 'output'));
  assert.deepEqual(
    lines.map(({ sentence }) => sentence),
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
  );
  const short = await translate('--sample', '--top-p', '0.9', '--max-length', '30');
  assert.deepEqual([lines[0], lines[4], lines[8]].map((line) => line?.hypothesis.text).join('\n'), short.stdout.trimEnd());
});

test('an empty line stands in a list of selected translations with their features', async () => {
  const { code, stdout, stderr } = await translate('--beam', '2', '--select', 'mbr,own', '--nbest', '1');
  assert.equal(code, 0, stderr);
  const lines = stdout.trimEnd().split('\n');
  const names = lines.map((line) => parseNbestLine(line, 'output').hypothesis.features.match(/\w+=/g));
  assert.deepEqual(names[0], ['logProbability=', 'tokens=', 'mbr=', 'own=']);
  assert.deepEqual(names[1], names[0]);
});

test('options that contradict each other are wrong usage', async () => {
  for (const [options, message] of [
    [['--sample', '--beam', '4'], /^decade: --beam: together with --sample; expected a beam search or sampling/],
    [['--sample', '--nbest', '4'], /^decade: --nbest: together with --sample.*--samples/],
    [['--temperature', '0.8'], /^decade: --temperature: without --sample.*use --sample as well/i],
    [['--sample', '--top-p', '0'], /^decade: --top-p: 0; expected/],
    [['--sample', '--samples', '0'], /expected an integer from 1 to 1000/],
  ] as const) {
    const { code, stdout, stderr } = await translate(...options);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, message);
  }
});

test('generate refuses a translator, and says what to use', async () => {
  const { code, stdout, stderr } = await decade(['generate', '-m', run, '--prompt', 'three weeks']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /a translator, which writes nothing without a source; expected a language model.*decade translate/);
});
