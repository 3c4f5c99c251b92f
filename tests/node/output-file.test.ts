import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, link, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { forgetFilesRead, nodeFiles } from '../../src/node/files/files.js';
import { openOutputFile, partialsOf, requireDistinct, requireWritable } from '../../src/node/files/output-file.js';

const root = await mkdtemp(join(tmpdir(), 'decade-output-'));
after(() => rm(root, { recursive: true, force: true }));

let directory = root;
let directories = 0;
beforeEach(async () => {
  directory = join(root, String(directories++));
  await mkdir(directory);
  forgetFilesRead();
});

const at = (name: string) => join(directory, name);
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (path: string) => readFile(path, 'utf8');

async function write(path: string, ...parts: string[]): Promise<void> {
  const file = await openOutputFile(path);
  for (const part of parts) await file.write(bytes(part));
  await file.finish();
}

describe('an output file', () => {
  test('is no directory', async () => {
    await assert.rejects(openOutputFile(at('new/')), /the name of a directory; expected a file/);
    assert.deepEqual(await readdir(directory), []);
  });

  test('takes the place of the old one when it is finished, and not before', async () => {
    await writeFile(at('out'), 'old');
    await chmod(at('out'), 0o640);
    const file = await openOutputFile(at('out'));
    await file.write(bytes('new '));
    await file.write(bytes('text'));
    assert.equal(await text(at('out')), 'old');
    await file.finish();
    assert.equal(await text(at('out')), 'new text');
    assert.equal((await stat(at('out'))).mode & 0o777, 0o640);
    assert.deepEqual(await readdir(directory), ['out']);
  });

  test('that is given up leaves the old one, and what was written beside it', async () => {
    await writeFile(at('out'), 'old');
    await writeFile(at('out.partial'), 'mine');
    assert.equal(await (await openOutputFile(at('out'))).abandon(), undefined);
    assert.deepEqual(await readdir(directory), ['out', 'out.partial']);
    const file = await openOutputFile(at('out'));
    await file.write(bytes('half'));
    const kept = await file.abandon();
    assert.ok(kept !== undefined);
    assert.deepEqual([await text(kept), await text(at('out')), await text(at('out.partial'))], ['half', 'old', 'mine']);
  });

  test('that a killed process has left is found by its name, and nothing else is', async () => {
    const left = await openOutputFile(at('out'));
    for (const other of ['out.partial', 'out.12345678.part', 'other.12345678.partial']) await writeFile(at(other), 'mine');
    assert.deepEqual(
      await partialsOf(at('out')),
      (await readdir(directory)).filter((name) => /^out\.[0-9a-f]{8}\.partial$/.test(name)).map(at),
    );
    assert.equal((await partialsOf(at('out'))).length, 1);
    await left.abandon();
    assert.deepEqual(await partialsOf(at('out')), []);
  });

  test('through a link goes where the link points, and the link stays', async () => {
    await mkdir(at('elsewhere'));
    await writeFile(at('elsewhere/target'), 'old');
    await symlink('elsewhere', at('directory'));
    await symlink('directory/target', at('link'));
    await symlink('link', at('link of a link'));
    await symlink('later', at('dangling'));
    await write(at('link of a link'), 'new');
    await write(at('dangling'), 'made');
    assert.equal(await text(at('elsewhere/target')), 'new');
    assert.equal(await readlink(at('link')), 'directory/target');
    assert.equal(await text(at('later')), 'made');
    assert.ok((await lstat(at('dangling'))).isSymbolicLink());
  });

  test('is never one that was read, by whatever name', async () => {
    await writeFile(at('input'), 'text');
    await symlink('input', at('symbolic'));
    await link(at('input'), at('hard'));
    assert.equal(await nodeFiles.readText(at('input')), 'text');
    for (const name of ['input', 'symbolic', 'hard']) {
      await assert.rejects(openOutputFile(at(name)), /an output file that this command also reads/);
    }
    await write(at('other'), 'new');
    assert.equal(await text(at('input')), 'text');
  });

  test('that is read only while it is written does not replace what was read', async () => {
    await writeFile(at('both'), 'text');
    const file = await openOutputFile(at('both'));
    await file.write(bytes('new'));
    await nodeFiles.readText(at('both'));
    await assert.rejects(file.finish(), /an output file that this command also reads/);
    const kept = await file.abandon();
    assert.deepEqual([await text(at('both')), await text(kept ?? '')], ['text', 'new']);
  });

  test('is packed where its name ends in .gz, also what is left of it', async () => {
    await write(at('out.gz'), 'one\n', 'two\n'.repeat(100_000));
    assert.equal(gunzipSync(await readFile(at('out.gz'))).toString(), `one\n${'two\n'.repeat(100_000)}`);
    await write(at('empty.GZ'));
    assert.equal(gunzipSync(await readFile(at('empty.GZ'))).length, 0);
    const file = await openOutputFile(at('half.gz'));
    await file.write(bytes('one\n'));
    assert.equal(gunzipSync(await readFile((await file.abandon()) ?? '')).toString(), 'one\n');
    assert.equal(await (await openOutputFile(at('none.gz'))).abandon(), undefined);
    await assert.rejects(openOutputFile(at('out.xz')), /out\.xz: a name that ends in \.xz; expected plain text, or gzip/);
  });

  test('with a long name needs no longer one', async () => {
    for (const name of ['é'.repeat(127), 'a'.repeat(255)]) await write(at(name), 'text');
    assert.equal((await readdir(directory)).length, 2);
  });

  test('that cannot be written is refused beforehand, by name, and nothing changes', async () => {
    await writeFile(at('file'), 'mine');
    await assert.rejects(requireWritable(directory), /a directory; expected a file/);
    await assert.rejects(requireWritable(at('missing/out')), /missing: no such file or directory/);
    await assert.rejects(requireWritable(at('file/out')), /file\/out: a file; expected a directory/);
    await assert.rejects(requireWritable(at('a'.repeat(300))), /a name that is too long/);
    await assert.rejects(requireWritable(''), /\(empty path\)/);
    await requireWritable(at('new'));
    await requireWritable(at('file'));
    assert.deepEqual([await readdir(directory), await text(at('file'))], [['file'], 'mine']);
  });

  test('that is a device or a pipe is written straight', { skip: process.platform === 'win32' && 'POSIX only' }, async () => {
    await write('/dev/null', 'text');
    execFileSync('mkfifo', [at('pipe')]);
    await requireWritable(at('pipe'));
    const [read] = await Promise.all([nodeFiles.readText(at('pipe')), write(at('pipe'), 'through ', 'the pipe')]);
    assert.equal(read, 'through the pipe');
    assert.deepEqual([await readdir(directory), basename(at('pipe'))], [['pipe'], 'pipe']);
  });
});

test('outputs are different files, whatever they are called', async () => {
  await symlink(at('new'), at('link'));
  await requireDistinct([at('new'), at('other'), '/dev/null', '/dev/null']);
  await assert.rejects(requireDistinct([at('new'), at('new')]), /the same file for two outputs/);
  await assert.rejects(requireDistinct([at('new'), join(directory, '.', '/link')]), /the same file as .*new, for two outputs/);
});
