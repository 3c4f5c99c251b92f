import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, closeSync, cpSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { copyTinyRun, decade, temporaryDirectory, writeTinyConfiguration } from './decade.js';

/** What is written where nobody named the file, or through a descriptor. */
const directory = temporaryDirectory();
const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const run = join(directory, 'run');
const at = (name: string) => join(directory, name);
const file = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};

before(async () => {
  writeTinyConfiguration(directory);
  await copyTinyRun(run);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('a result is not appended to a file that it was made of', () => {
  const references = file('references', 'a\nb\n');
  const end = openSync(references, 'a');
  try {
    const words = ['evaluate', '--hypotheses', file('hypotheses', 'a\nb\n'), '--references', references, '--json'];
    const { status, stderr } = spawnSync(process.execPath, [main, ...words], { stdio: ['ignore', end, 'pipe'], encoding: 'utf8' });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^decade: standard output: an output file that this command also reads/);
  } finally {
    closeSync(end);
  }
  assert.equal(readFileSync(references, 'utf8'), 'a\nb\n');
});

test('an output that only gives text, as `<(...)` does, is refused before the work', { skip: process.platform === 'win32' }, () => {
  const input = file('input', '5 kilometers\n');
  for (const command of [`translate -m '${run}' -i '${input}' -o`, `report '${run}' --out`]) {
    const line = `'${process.execPath}' '${main}' ${command} /dev/fd/3 3< '${file('given', 'mine\n')}'`;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    assert.deepEqual([status, stdout], [1, ''], stderr);
    assert.match(stderr, /^decade: \/dev\/fd\/3: a descriptor that is not open for writing; .*`>\(COMMAND\)`/);
    assert.equal(readFileSync(at('given'), 'utf8'), 'mine\n');
  }
});

const hasScript = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;

test('control characters of a file do nothing on a terminal, whatever it is called', { skip: !hasScript }, () => {
  const source = file('source', '5 kilometers\n');
  const list = file('list', '0 ||| a\u001b[31mb ||| F= -1 ||| -1\n');
  for (const output of ['/dev/tty', '/dev/stdout']) {
    const command = `'${process.execPath}' '${main}' rescore -m '${run}' --source '${source}' -i '${list}' --length-penalty 0 -o ${output}`;
    const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /a\\u001b\[31mb/);
    assert.ok(!stdout.includes('\u001b[31m'), stdout);
  }
});

test('drawings replace earlier drawings, and no file of somebody else', async () => {
  const drawings = at('drawings');
  const simulate = () =>
    decade(['simulate', at('tiny.yaml'), '--profile', '2014', '--devices', '1,2', '--strategies', 'data', '--svg', drawings]);
  for (let time = 0; time < 2; time++) {
    const { code, stderr } = await simulate();
    assert.equal(code, 0, stderr);
  }
  writeFileSync(join(drawings, 'data-2.svg'), 'mine');
  const { code, stdout, stderr } = await simulate();
  assert.deepEqual([code, stdout], [2, ''], stderr);
  assert.match(stderr, /data-2\.svg: a file that was not written by decade/);
  assert.equal(readFileSync(join(drawings, 'data-2.svg'), 'utf8'), 'mine');
});

test("a mistake in a run's own configuration is one of a file, not of who names the run", async () => {
  const broken = at('broken');
  cpSync(run, broken, { recursive: true });
  appendFileSync(join(broken, 'config.yaml'), 'modle: {}\n');
  for (const words of [
    ['report', broken],
    ['compare', run, broken, '--out', at('page.html')],
    ['train', at('tiny.yaml'), '--init', broken, '--out', at('initialised')],
  ]) {
    const { code, stderr } = await decade(words);
    assert.equal(code, 1, `${words.join(' ')}: ${stderr}`);
    assert.match(stderr, /Did you mean 'model'/);
  }
  const described = join(broken, 'model.json');
  writeFileSync(described, readFileSync(described, 'utf8').replace('"kind": "lstm"', '"kind": "lstn"'));
  const { code, stderr } = await decade(['translate', '-m', broken, '-i', file('one', 'a\n')]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /model\.json: model\.kind: 'lstn'; expected one of lstm, transformer/);
});

test('a link to nothing is named for what it is where a directory is to be', async () => {
  symlinkSync('nothing', at('link'));
  const { code, stderr } = await decade(['train', at('tiny.yaml'), '--out', at('link')]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /link: a dangling link/);
});
