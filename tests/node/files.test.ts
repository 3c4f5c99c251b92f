import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { after, describe, it } from 'node:test';
import { DecadeError, type ErrorKind } from '../../src/core/errors.js';
import { type Files, joinPath } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { explained, nodeFiles } from '../../src/node/files/files.js';

const directory = await mkdtemp(joinPath(tmpdir(), 'decade-files-'));
after(() => rm(directory, { recursive: true, force: true }));
let directories = 0;

const systems: [string, () => Promise<{ files: Files; root: string }>][] = [
  [
    'the disk',
    async () => {
      const root = joinPath(directory, String(directories++));
      await nodeFiles.makeDirectory(root);
      return { files: nodeFiles, root };
    },
  ],
  ['memory', async () => ({ files: memoryFiles({ '/files/.keep': '' }), root: '/files' })],
];

for (const [name, make] of systems) {
  describe(`files in ${name}`, () => {
    it('write, append, truncate and read back', async () => {
      const { files, root } = await make();
      const path = joinPath(root, 'text');
      await write(files, path, 'first\n');
      await write(files, path, 'é\n');
      const appended = await files.append(path);
      await appended.write(bytes('more'));
      await appended.write(bytes(' and more'));
      await appended.sync();
      await appended.close();
      assert.equal(await files.readText(path), 'é\nmore and more');
      assert.equal(await files.size(path), 16);
      await files.truncate(path, 7);
      assert.equal(await files.readText(path), 'é\nmore');
      await files.truncate(path, 9);
      assert.deepEqual([...(await files.readBytes(path))].slice(5), [0x72, 0x65, 0, 0]);
    });

    it('appending creates a missing file', async () => {
      const { files, root } = await make();
      const writer = await files.append(joinPath(root, 'new'));
      await writer.write(bytes('x'));
      await writer.close();
      assert.equal(await files.readText(joinPath(root, 'new')), 'x');
    });

    it('shared buffers are read and written', async () => {
      const { files, root } = await make();
      const path = joinPath(root, 'shared');
      const shared = new Uint8Array(new SharedArrayBuffer(16), 3, 4);
      shared.set([1, 2, 3, 4]);
      const writer = await files.create(path);
      await writer.write(shared);
      await writer.close();
      shared.fill(0);
      const reader = await files.open(path);
      await reader.read(shared.subarray(1, 3), 2);
      await reader.close();
      assert.deepEqual([...shared], [0, 3, 4, 0]);
    });

    it('a stream gives all bytes, in pieces that stay valid', async () => {
      const { files, root } = await make();
      const path = joinPath(root, 'long');
      const long = Uint8Array.from({ length: 600_000 }, (_, position) => (position * 31) >>> 5);
      const writer = await files.create(path);
      await writer.write(long);
      await writer.close();
      const pieces: Uint8Array[] = [];
      for await (const piece of files.stream(path)) pieces.push(piece);
      assert.ok(pieces.length > 1);
      assert.deepEqual(Buffer.concat(pieces), Buffer.from(long));
    });

    it('reading at a position past the end names the sizes', async () => {
      const { files, root } = await make();
      const path = joinPath(root, 'short');
      await write(files, path, '12345');
      const reader = await files.open(path);
      assert.equal(reader.size, 5);
      await fails(reader.read(new Uint8Array(4), 3), 'input', /short: a file of 5 bytes.*4 bytes at offset 3/);
      await reader.close();
      await fails(reader.read(new Uint8Array(1), 0), 'resource', /already closed/);
    });

    it('kinds and lists, sorted; a missing directory is empty', async () => {
      const { files, root } = await make();
      await files.makeDirectory(joinPath(root, 'd/e'));
      await files.makeDirectory(joinPath(root, 'd/e'));
      for (const file of ['b', 'a', 'B']) await write(files, joinPath(root, 'd', file), '');
      assert.deepEqual(await files.list(joinPath(root, 'd')), ['B', 'a', 'b', 'e']);
      assert.deepEqual(await files.list(joinPath(root, 'none')), []);
      assert.equal(await files.kind(joinPath(root, 'd')), 'directory');
      assert.equal(await files.kind(joinPath(root, 'd/a')), 'file');
      assert.equal(await files.kind(joinPath(root, 'd/x')), 'missing');
      assert.equal(await files.kind(joinPath(root, 'd/a/x')), 'missing');
      assert.equal(await files.kind(''), 'missing');
      await files.syncDirectory(joinPath(root, 'd'));
    });

    it('renames files over files and directories to new names, and refuses the rest', async () => {
      const { files, root } = await make();
      const at = (path: string) => joinPath(root, path);
      await write(files, at('a'), 'a');
      await write(files, at('b'), 'b');
      await files.rename(at('a'), at('b'));
      assert.equal(await files.readText(at('b')), 'a');
      assert.equal(await files.kind(at('a')), 'missing');
      await files.makeDirectory(at('from'));
      await write(files, at('from/x'), 'x');
      await files.rename(at('from'), at('to'));
      assert.equal(await files.readText(at('to/x')), 'x');
      await files.makeDirectory(at('other'));
      await fails(files.rename(at('other'), at('to')), 'input', /to: a directory that is not empty/);
      await fails(files.rename(at('b'), at('to')), 'input', /to: a directory; expected a file/);
      await fails(files.rename(at('other'), at('b')), 'input', /b: a file; expected a directory/);
      await fails(files.rename(at('gone'), at('c')), 'input', /gone: no such file/);
      await fails(files.rename(at('b'), at('gone/c')), 'input', /gone\/c: no such file/);
    });

    it('removes files and whole directories; missing is fine', async () => {
      const { files, root } = await make();
      await files.makeDirectory(joinPath(root, 'd/e'));
      await write(files, joinPath(root, 'd/e/f'), '');
      await files.remove(joinPath(root, 'd'));
      await files.remove(joinPath(root, 'd'));
      assert.equal(await files.kind(joinPath(root, 'd')), 'missing');
    });

    it('a missing path is an input error that names it', async () => {
      const { files, root } = await make();
      const path = joinPath(root, 'gone');
      const inside = joinPath(path, 'file');
      const missing = /gone.*: no such file or directory/;
      await fails(files.size(path), 'input', missing);
      await fails(files.readBytes(path), 'input', missing);
      await fails(files.readText(path), 'input', missing);
      await fails(drained(files.stream(path)), 'input', missing);
      await fails(files.open(path), 'input', missing);
      await fails(files.truncate(path, 0), 'input', missing);
      await fails(files.syncDirectory(path), 'input', missing);
      await fails(files.create(inside), 'input', missing);
      await fails(files.append(inside), 'input', missing);
      await fails(files.readText(''), 'input', /empty path/);
    });

    it('a directory in the place of a file, and a file in the place of a directory, are input errors', async () => {
      const { files, root } = await make();
      const isDirectory = /: a directory; expected a file/;
      await fails(files.size(root), 'input', isDirectory);
      await fails(files.readText(root), 'input', isDirectory);
      await fails(drained(files.stream(root)), 'input', isDirectory);
      await fails(files.open(root), 'input', isDirectory);
      await fails(files.create(root), 'input', isDirectory);
      await fails(files.append(root), 'input', isDirectory);
      const path = joinPath(root, 'file');
      await write(files, path, '');
      const isFile = /file.*: a file; expected a directory/;
      await fails(files.list(path), 'input', isFile);
      await fails(files.makeDirectory(path), 'input', isFile);
      await fails(files.makeDirectory(joinPath(path, 'x')), 'input', isFile);
      await fails(files.makeDirectory(joinPath(path, 'x/y')), 'input', isFile);
      await fails(files.readText(joinPath(path, 'x')), 'input', isFile);
      await fails(files.create(joinPath(path, 'x')), 'input', isFile);
    });

    it('broken UTF-8 is named by line and byte offset, and a byte order mark is dropped', async () => {
      const { files, root } = await make();
      const path = joinPath(root, 'latin1');
      const writer = await files.create(path);
      await writer.write(bytes('aé\nb\n'));
      await writer.write(Uint8Array.of(0x63, 0xe9, 0x0a));
      await writer.close();
      await fails(files.readText(path), 'input', /latin1: line 3: byte 0xe9 at offset 7/);
      await write(files, path, '\ufefftext');
      assert.equal(await files.readText(path), 'text');
    });

    it('a closed writer refuses', async () => {
      const { files, root } = await make();
      const writer = await files.create(joinPath(root, 'closed'));
      await writer.close();
      await fails(writer.write(bytes('x')), 'resource', /closed: the file was already closed/);
    });
  });
}

describe('the disk', () => {
  it('a full disk is a resource error', async (context) => {
    if ((await nodeFiles.kind('/dev/full')) === 'missing') return context.skip('no /dev/full on this system');
    const writer = await nodeFiles.create('/dev/full');
    await fails(writer.write(bytes('x')), 'resource', /\/dev\/full: disk full/);
    await writer.close();
  });

  it('names missing rights, too many open files and closed pipes', () => {
    const received = (code: string) => explained('f', Object.assign(new Error(code), { code }));
    assert.match(received('EACCES').message, /f: permission denied/);
    assert.match(received('EMFILE').message, /f: too many open files/);
    assert.match(received('EPIPE').message, /f: the reader closed the pipe/);
    assert.equal(received('EACCES').kind, 'resource');
    assert.match(received('EUNKNOWN').message, /f: EUNKNOWN/);
  });
});

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function write(files: Files, path: string, text: string): Promise<void> {
  const writer = await files.create(path);
  await writer.write(bytes(text));
  await writer.close();
}

async function drained(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) void piece;
}

async function fails(promise: Promise<unknown>, kind: ErrorKind, message: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof DecadeError, String(error));
    assert.match(error.message, message);
    assert.equal(error.kind, kind);
    return true;
  });
}
