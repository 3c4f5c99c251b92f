import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { open, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { nodeFiles, streamOnce } from '../../src/node/files/files.js';
import { descriptorOf, openPipeToWrite, stopWaitingForPipes } from '../../src/node/files/pipes.js';

const directory = await mkdtemp(join(tmpdir(), 'decade-pipes-'));
after(() => rm(directory, { recursive: true, force: true }));
let pipes = 0;

function pipe(): string {
  const path = join(directory, String(pipes++));
  execFileSync('mkfifo', [path]);
  return path;
}

const bytes = (text: string) => new TextEncoder().encode(text);

async function textOf(chunks: AsyncIterable<Uint8Array>, pieces = Number.POSITIVE_INFINITY): Promise<string> {
  let [text, read] = ['', 0];
  for await (const chunk of chunks) {
    text += new TextDecoder().decode(chunk);
    if (++read === pieces) break;
  }
  return text;
}

test('paths that mean a descriptor', () => {
  const paths = ['/dev/stdin', '/dev/stdout', '/dev/fd/63', '/proc/self/fd/5', '/dev/null', 'stdin', '/dev/standby'];
  assert.deepEqual(paths.map(descriptorOf), [0, 1, 63, 5, undefined, undefined, undefined]);
});

describe('pipes', { skip: process.platform === 'win32' && 'POSIX only' }, () => {
  test('are read again from what was kept, also by who comes while they are read', async () => {
    const path = pipe();
    const long = 'line\n'.repeat(100_000);
    const beginning = textOf(nodeFiles.stream(path), 1);
    const whole = textOf(nodeFiles.stream(path));
    const writer = await openPipeToWrite(path);
    await writer.write(bytes(long));
    assert.ok(long.startsWith(await beginning));
    await writer.write(bytes('end'));
    await writer.close();
    assert.equal(await whole, `${long}end`);
    assert.equal(await nodeFiles.readText(path), `${long}end`);
  });

  test('are read as they come', async () => {
    const path = pipe();
    const chunks = streamOnce(path)[Symbol.asyncIterator]();
    const first = chunks.next();
    const writer = await openPipeToWrite(path);
    for (const [text, read] of [
      ['one', first],
      ['two', undefined],
    ] as const) {
      await writer.write(bytes(text));
      assert.equal(Buffer.from((await (read ?? chunks.next())).value).toString(), text);
    }
    await writer.close();
    assert.equal((await chunks.next()).done, true);
  });

  test('keep nobody who is told to stop, neither readers nor writers', async () => {
    const reason = new Error('stopped');
    const path = pipe();
    const waiting = [nodeFiles.readText(path), textOf(streamOnce(pipe())), openPipeToWrite(pipe())];
    const ended = Promise.allSettled(waiting);
    await new Promise((resolve) => setTimeout(resolve, 100));
    stopWaitingForPipes(reason);
    const later = await textOf(streamOnce(path)).catch((error: unknown) => error);
    const reasons = (await ended).map((result) => result.status === 'rejected' && result.reason);
    stopWaitingForPipes(undefined);
    assert.deepEqual([...reasons, later], [reason, reason, reason, reason]);
  });

  test('cannot be opened where a file is read at any position, and nobody waits to find out', async () => {
    await assert.rejects(nodeFiles.open(pipe()), /a pipe, which has no random access; expected a file/);
  });

  test('devices that always answer are files', async () => {
    assert.equal(await nodeFiles.readText('/dev/null'), '');
    assert.equal(await textOf(streamOnce('/dev/null')), '');
    const handle = await open('/dev/null');
    assert.equal(await textOf(nodeFiles.stream(`/dev/fd/${handle.fd}`)), '');
    await handle.close();
  });

  test('that are gone say so', async () => {
    await assert.rejects(nodeFiles.readText('/dev/fd/987'), /\/dev\/fd\/987: a pipe that no longer exists\. Provide the same text again/);
  });
});
