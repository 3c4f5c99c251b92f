import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { copyTinyRun, decade, ended, start, temporaryDirectory, writeTinyConfiguration } from './decade.js';

/** Signals end every command, whatever it waits for, and lose nothing. */
const directory = temporaryDirectory();
const run = join(directory, 'run');
const configuration = writeTinyConfiguration(directory);
const at = (name: string) => join(directory, name);
let pipes = 0;
const pipe = (): string => {
  const path = at(`pipe-${pipes++}`);
  execFileSync('mkfifo', [path]);
  return path;
};

before(async () => {
  await copyTinyRun(run);
});
after(() => rmSync(directory, { recursive: true, force: true }));

/** Resolves when a process listens to signals (of which Node itself leaves SIGHUP alone): until then the first one ends it. */
async function listens({ pid }: ChildProcess): Promise<void> {
  for (;;) {
    const [, caught = '0'] = /SigCgt:\s*([0-9a-f]+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    if ((BigInt(`0x${caught}`) & 1n) === 1n) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resolves when a process has said something on standard error. */
function says(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    child.stderr?.on('data', (text: string) => {
      if (pattern.test(text)) resolve();
    });
  });
}

describe('signals', { skip: process.platform !== 'linux' && 'Linux only' }, () => {
  test('the first one ends a command that waits for a pipe', async () => {
    const commands = [
      ['translate', '-m', run, '-i', pipe()],
      ['translate', '-m', run, '-i', configuration, '-o', pipe()],
      ['train', configuration, '--set', `data.train={ tsv: ${pipe()} }`, '--out', at('never')],
    ];
    await Promise.all(
      commands.map(async (words) => {
        const child = start(words);
        const outcome = ended(child);
        await listens(child);
        child.kill('SIGTERM');
        const { code, stderr } = await outcome;
        assert.equal(code, 130, `${words.join(' ')}: ${stderr}`);
        assert.match(stderr, /^decade: SIGTERM: .*\ndecade: stopped/m);
      }),
    );
    assert.ok(!existsSync(at('never')));
  });

  test('a closed terminal, told twice, saves a training; a signal after another ends it at once', async () => {
    const train = ['--set', 'training.stop.epochs=100000', '--set', 'training.report.every={ steps: 1 }', '--devices', '1'];
    const started = async (out: string) => {
      const child = start(['train', configuration, '--out', out, ...train]);
      const outcome = ended(child);
      await says(child, /Up\. [1-9]/);
      return { child, outcome };
    };
    const closed = await started(at('closed'));
    closed.child.kill('SIGHUP');
    await says(closed.child, /SIGHUP/);
    closed.child.kill('SIGHUP');
    assert.equal((await closed.outcome).code, 130);
    const twice = await started(at('twice'));
    twice.child.kill('SIGINT');
    await says(twice.child, /SIGINT/);
    twice.child.kill('SIGINT');
    await twice.outcome;
    assert.equal(twice.child.signalCode, 'SIGINT');
    const resumed = await decade([
      'train',
      configuration,
      '--out',
      at('closed'),
      '--resume',
      ...train.slice(2),
      '--set',
      'training.stop.epochs=1',
    ]);
    assert.match(resumed.stderr, /resumed at update [1-9]/);
    assert.equal(resumed.code, 0, resumed.stderr);
  });

  test('the first one ends a scoring that takes long, without a score', async () => {
    const words = Array.from({ length: 40 }, (_, index) => `word${(index * 7) % 40}`);
    const sentences = (turned: string[]) => `${turned.join(' ')}\n`.repeat(2_000);
    writeFileSync(at('hypotheses'), sentences(words));
    writeFileSync(at('references'), sentences(words.toReversed()));
    const child = start(['evaluate', '--hypotheses', at('hypotheses'), '--references', at('references'), '--metrics', 'ter']);
    const outcome = ended(child);
    await listens(child);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await outcome;
    assert.deepEqual([code, stdout], [130, ''], stderr);
  });

  test('translations up to then are kept beside the old file', async () => {
    const input = pipe();
    writeFileSync(at('output'), 'old');
    const child = start(['translate', '-m', run, '-i', input, '-o', at('output')]);
    const outcome = ended(child);
    const writer = await open(input, 'w');
    await writer.write('5 kilometers\nMonday\n');
    const isTranslated = () =>
      execFileSync('ls', [directory])
        .toString()
        .match(/output\.\w+\.partial/)?.[0];
    while (isTranslated() === undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill('SIGINT');
    const { code, stderr } = await outcome;
    await writer.close();
    assert.equal(code, 130, stderr);
    const [, kept = ''] = /output is unchanged; the partial output is in (\S+)\n/.exec(stderr) ?? [];
    assert.deepEqual([readFileSync(kept, 'utf8').split('\n').length, readFileSync(at('output'), 'utf8')], [3, 'old']);
  });
});
