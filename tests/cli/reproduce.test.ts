import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { experimentsHelp } from '../../src/cli/experiment-options.js';
import { decade, ended, start, temporaryDirectory, writeTinyConfiguration } from './decade.js';

const directory = temporaryDirectory();
const configuration = writeTinyConfiguration(directory);
after(() => rmSync(directory, { recursive: true, force: true }));

test('reproduce predicts the cost first, then trains, and prints the table', async () => {
  const out = join(directory, 'paper');
  const shorter = [
    '--set',
    'data.train.pairs=400',
    '--set',
    'training.stop={ steps: 10 }',
    '--set',
    'training.schedule={ kind: constant }',
    '--devices',
    '1',
    '--beam',
    '2',
  ];
  const call = ['reproduce', 'reversal', '--size', 'tiny', '--seeds', '2', ...shorter, '--out', out];
  const estimated = await decade([...call, '--estimate']);
  assert.equal(estimated.code, 0, estimated.stderr);
  assert.match(estimated.stdout, /Trainings +4 \(4 to do\), of [\d,]+ parameters[\s\S]*words\/s measured here[\s\S]*Time +about \d/);
  assert.equal(existsSync(out), false);
  const { code, stdout, stderr } = await decade(call);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^Trainings[\s\S]*Training 1 of 4: forward-1x32-seed1-/);
  assert.match(stdout, /\| effect of reversing \|/);
  const file = readFileSync(join(out, 'reversal.md'), 'utf8');
  assert.ok(file.startsWith(stdout.slice(0, stdout.lastIndexOf('\n\n')).trimEnd()), 'the file says the same, and then names the plots');
  const again = await decade([...call, '--json']);
  assert.match(again.stderr, /4 done, 0 to do/);
  const { experiment, files } = JSON.parse(again.stdout) as { experiment: string; files: { page: string } };
  assert.deepEqual([experiment, existsSync(files.page)], ['reversal', true]);
});

test('reproduce takes a configuration of its own, and continues after Ctrl-C', async () => {
  const out = join(directory, 'own');
  const call = ['reproduce', 'length', configuration, '--devices', '1', '--out', out, '--set'];
  const child = start([...call, 'training.stop={ steps: 30 }']);
  let told = false;
  child.stderr?.on('data', (text: string) => {
    if (told || !/Training 1 of 2/.test(text)) return;
    told = true;
    child.kill('SIGINT');
  });
  const { code, stderr } = await ended(child);
  assert.equal(code, 130, stderr);
  assert.match(stderr, /the same command continues/);
  const resumed = await decade([...call, 'training.stop={ steps: 30 }']);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stdout, /tested on the dev corpus/);
});

test('every option of every experiment is described', () => {
  assert.doesNotMatch(experimentsHelp(), /undefined/);
});

test('reproduce refuses what does not go together', async () => {
  const unknown = await decade(['reproduce', 'reversl']);
  assert.deepEqual([unknown.code, /did you mean reversal/i.test(unknown.stderr)], [2, true], unknown.stderr);
  const both = await decade(['reproduce', 'reversal', configuration, '--size', 'tiny']);
  assert.deepEqual([both.code, /one or the other/.test(both.stderr)], [2, true], both.stderr);
  const half = await decade(['reproduce', 'reversal', configuration, '--test-source', configuration]);
  assert.deepEqual([half.code, /together/.test(half.stderr)], [2, true], half.stderr);
});
