import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { RunLock } from '../../src/checkpoint/run-lock.js';
import { requireFree } from '../../src/checkpoint/run-files.js';
import { DecadeError } from '../../src/core/errors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { nodeFiles } from '../../src/node/files/files.js';

const root = await mkdtemp(join(tmpdir(), 'decade-run-lock-'));
after(() => rm(root, { recursive: true, force: true }));
let directories = 0;

async function emptyDirectory(): Promise<string> {
  const path = join(root, String(directories++));
  await mkdir(path);
  return path;
}

const take = (files: Files, path: string) => RunLock.take(files, path, assert.fail);

async function isRefused(files: Files, path: string, holder = /^/): Promise<void> {
  await assert.rejects(take(files, path), (error) => {
    assert.ok(error instanceof DecadeError && error.kind === 'usage');
    assert.equal(error.parts.where, path);
    assert.match(error.parts.received, /^already in use by a training \(.* since 20\d\d-/);
    assert.match(error.parts.received, holder);
    return true;
  });
}

const systems: [string, () => Promise<{ files: Files; path: string }>][] = [
  ['the disk', async () => ({ files: nodeFiles, path: join(await emptyDirectory(), 'runs', 'one') })],
  ['memory', async () => ({ files: memoryFiles(), path: 'runs/one' })],
];

for (const [name, make] of systems) {
  describe(`the lock of a run in ${name}`, () => {
    test('is had by one at a time, before the directory is there and after, and leaves nothing', async () => {
      const { files, path } = await make();
      const lock = await take(files, path);
      await isRefused(files, path);
      await files.makeDirectory(path);
      await isRefused(files, path);
      await lock.enter();
      await isRefused(files, path);
      await lock.release();
      const next = await take(files, path);
      await isRefused(files, `${path}/`);
      await next.release();
      await next.release();
      assert.deepEqual([await files.list(join(path, '..')), await files.list(path)], [['one'], []]);
    });

    test('is kept while the directory is removed and made again', async () => {
      const { files, path } = await make();
      await files.makeDirectory(path);
      const lock = await take(files, path);
      await lock.leave();
      await files.remove(path);
      await isRefused(files, path);
      await files.makeDirectory(path);
      await isRefused(files, path);
      await lock.release();
      await (await take(files, path)).release();
    });

    test('does not make an empty directory one that holds something', async () => {
      const { files, path } = await make();
      await files.makeDirectory(path);
      const lock = await take(files, path);
      await requireFree(files, path);
      await lock.release();
    });
  });
}

describe('the lock of a run', () => {
  test('is gone with the process that had it, however it ended', async () => {
    const path = await emptyDirectory();
    const program = `
      const { RunLock } = await import(${JSON.stringify(new URL('../../src/checkpoint/run-lock.js', import.meta.url))});
      const { nodeFiles } = await import(${JSON.stringify(new URL('../../src/node/files/files.js', import.meta.url))});
      await RunLock.take(nodeFiles, ${JSON.stringify(path)}, console.error);
      console.log('taken');
      setTimeout(() => undefined, 30_000);`;
    const other = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(other.stdout, 'data');
      await isRefused(nodeFiles, path, new RegExp(`\\(process ${other.pid} on `));
    } finally {
      other.kill('SIGKILL');
    }
    await once(other, 'close');
    assert.deepEqual(await nodeFiles.list(path), ['training.lock']);
    await (await take(nodeFiles, path)).release();
    assert.deepEqual(await nodeFiles.list(path), []);
  });

  test('is not had by whoever is named in a file that a killed process left', async () => {
    const path = await emptyDirectory();
    for (const left of ['', 'proc', `process ${process.pid} on here since 2026-11-22T22:41:07.000Z\n`, '\0\0\0']) {
      for (const file of [`${path}.training.lock`, join(path, 'training.lock')]) await writeFile(file, left);
      const lock = await take(nodeFiles, path);
      await isRefused(nodeFiles, path, new RegExp(`\\(process ${process.pid} on `));
      await lock.release();
      assert.deepEqual(await nodeFiles.list(path), []);
    }
  });

  test('neither takes nor changes a file that was not written by decade', async () => {
    const path = await emptyDirectory();
    for (const file of [`${path}.training.lock`, join(path, 'training.lock')]) {
      await writeFile(file, 'process of mine\n');
      await assert.rejects(take(nodeFiles, path), /training\.lock: a file that was not written by decade\. Move it elsewhere/);
      assert.equal(await nodeFiles.readText(file), 'process of mine\n');
      await rm(file);
    }
  });

  test('holds for another path to the same directory', async () => {
    const path = await emptyDirectory();
    const alias = `${path}-alias`;
    await symlink(path, alias, 'junction');
    const lock = await take(nodeFiles, path);
    await isRefused(nodeFiles, alias);
    await lock.release();
    await (await take(nodeFiles, alias)).release();
  });

  test('is had by one of many who ask at the same moment', async () => {
    const path = await emptyDirectory();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => take(nodeFiles, path)));
    const taken = asked.filter((attempt) => attempt.status === 'fulfilled');
    assert.equal(taken.length, 1);
    await taken[0]?.value.release();
  });

  test('goes from one to the next without ever being had by two', async () => {
    const path = await emptyDirectory();
    let holders = 0;
    let turns = 0;
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let attempt = 0; attempt < 25; attempt++) {
          const lock = await take(nodeFiles, path).catch((error: unknown) => assert.ok(error instanceof DecadeError));
          if (lock === undefined) continue;
          assert.equal(++holders, 1);
          turns++;
          await new Promise(setImmediate);
          holders--;
          await lock.release();
        }
      }),
    );
    assert.ok(turns > 1);
  });

  test('leaves nothing where the command that locks is missing', { skip: process.platform !== 'linux' && 'Linux only' }, async () => {
    const path = await emptyDirectory();
    const commands = process.env.PATH;
    process.env.PATH = path;
    try {
      assert.deepEqual(await nodeFiles.lock(join(path, 'file')), { kind: 'unavailable', reason: 'no command `flock` here' });
    } finally {
      process.env.PATH = commands;
    }
    assert.deepEqual(await nodeFiles.list(path), []);
  });

  test('is done without, with a warning, where the system has none', async () => {
    const files: Files = { ...memoryFiles({ 'run/config.yaml': '' }), lock: async () => ({ kind: 'unavailable', reason: 'no locks' }) };
    const warnings: string[] = [];
    const lock = await RunLock.take(files, 'run', (message) => warnings.push(message));
    await lock.enter();
    await lock.release();
    assert.deepEqual(warnings, ['run is not locked against a second training: no locks']);
  });
});
