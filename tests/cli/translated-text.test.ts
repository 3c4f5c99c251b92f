import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { copyTinyRun, decade, temporaryDirectory } from './decade.js';

const directory = temporaryDirectory();
const run = join(directory, 'run');
const file = (name: string, contents: string): string => {
  writeFileSync(join(directory, name), contents);
  return join(directory, name);
};
const warnings = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('decade: warning: line'));

before(async () => {
  await copyTinyRun(run);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('prefixes of another number than the lines are refused before the first is translated', async () => {
  const [input, prefixes, output] = [file('three.en', '1\n2\n3\n'), file('two.fr', 'un\ndeux\n'), join(directory, 'never.fr')];
  const refused = await decade(['translate', '-m', run, '-i', input, '--prefixes', prefixes, '-o', output]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^decade: .*two\.fr and .*three\.en: 2 prefixes for 3 lines; expected equal numbers of lines/m);
  assert.ok(!existsSync(output));
});

test('those of a pipe are translated as far as they go, and then told', async () => {
  const prefixes = file('two.fr', 'un\ndeux\n');
  const { code, stdout, stderr } = await decade(['translate', '-m', run, '--prefixes', prefixes], { input: '1\n2\n3\n' });
  assert.equal(code, 1);
  assert.match(stderr, /two\.fr and standard input: 2 prefixes for 3 lines/);
  assert.match(stdout, /^un.*\ndeux.*\n.*\n$/);
});

test('a prefix stands in texts and n-best lists as it was given', async () => {
  const [input, prefixes] = [file('one.en', '5 days\n'), file('one.fr', 'Zebra e\u0301 |||  1\n')];
  const plain = await decade(['translate', '-m', run, '-i', input, '--prefixes', prefixes]);
  assert.ok(plain.stdout.startsWith('Zebra e\u0301 |||  1'), plain.stdout);
  const listed = await decade(['translate', '-m', run, '-i', input, '--prefixes', prefixes, '--nbest', '3']);
  const texts = listed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ||| '));
  assert.deepEqual(
    texts.map((fields) => fields.length),
    [4, 4, 4],
  );
  for (const [, text = ''] of texts) assert.ok(text.startsWith('Zebra e\u0301 ||&#124;  1'), text);
  const rescored = await decade(['rescore', '-m', run, '--source', input], { input: listed.stdout });
  assert.ok(rescored.stdout.startsWith('Zebra e\u0301 |||  1'), rescored.stderr);
});

test('words that the model does not know are told with their lines: a few, then a count', async () => {
  const input = file('words.en', `3 weeks ago\n${'three floccinaucini weeks\n'.repeat(9)}`);
  const { code, stderr, stdout } = await decade(['translate', '-m', run, '-i', input]);
  assert.deepEqual([code, stdout.split('\n').length], [0, 11]);
  assert.ok(
    warnings(stderr).some((line) => /line 2: the model does not know three floccinaucini/.test(line)),
    stderr,
  );
  assert.equal(warnings(stderr).length, 5);
  assert.match(stderr, /decade: warning: \d more lines have unknown words/);
});

test('lines with nothing to see are empty lines, in a file of as many', async () => {
  const output = join(directory, 'blank.fr');
  const input = file('blank.en', '\u00A0\n\u202F\n\u200B\n\u00AD\n\u2060\n \n\uFE0F\u200E\n\u3164\n5 days\n');
  const { code, stderr } = await decade(['translate', '-m', run, '-i', input, '-o', output]);
  assert.equal(code, 0, stderr);
  assert.match(readFileSync(output, 'utf8'), /^\n{8}.*\n$/);
  assert.deepEqual(
    warnings(stderr).filter((line) => !/line 9:/.test(line)),
    [],
  );
});

test('what a line that is too long suggests can be done', async () => {
  const input = file('long.en', `${'5 days '.repeat(20)}\n`);
  const short = await decade(['translate', '-m', run, '-i', input, '--max-source-length', '7']);
  assert.match(short.stderr, /line 1: \d+ tokens; only the first 7 were used.*raise maximumSourceLength \(--max-source-length\)/);
  const long = await decade(['translate', '-m', run, '-i', input, '--max-source-length', '500']);
  assert.doesNotMatch(long.stderr, /were used/);
  const scored = await decade(['score', '-m', run, '--source', input, '--target', input, '--max-length', '7']);
  assert.match(scored.stderr, /raise maximumLength \(--max-length\)/);
});
