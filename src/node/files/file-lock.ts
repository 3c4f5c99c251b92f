import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { DecadeError } from '../../core/errors.js';
import type { LockAttempt } from '../../core/files.js';

/**
 * Flags with which opening a file also locks it; Node hands them on but has no names for them.
 * macOS and the BSDs: O_EXLOCK of open(2). Windows: UV_FS_O_EXLOCK of libuv, which then shares the file with nobody.
 */
const lockingFlags: Readonly<Partial<Record<NodeJS.Platform, number>>> = {
  darwin: 0x20 | constants.O_NONBLOCK,
  freebsd: 0x20 | constants.O_NONBLOCK,
  openbsd: 0x20 | constants.O_NONBLOCK,
  win32: 0x1000_0000,
};

const unavailable: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'a read-only file system',
  ENOTSUP: 'a file system without locks',
  EOPNOTSUPP: 'a file system without locks',
  ENOLCK: 'a file system without locks',
};

/** How often a file may be removed by its last holder between being opened and being locked. */
const attempts = 10;

/**
 * Locks a file by the operating system's own means, which know of no process that has ended, whatever became of it, and are
 * the same in every container of a machine. The file holds who has it.
 */
export async function lockFile(path: string): Promise<LockAttempt> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const opened = await openLocked(path);
    if ('kind' in opened) return opened;
    try {
      if (await isAt(opened, path)) {
        if (!isLock(await opened.readFile('utf8'))) {
          await opened.close();
          throw new DecadeError('input', { where: path, received: 'a file that was not written by decade', next: 'move it elsewhere' });
        }
        await opened.truncate();
        await opened.write(`process ${process.pid} on ${hostname()} since ${new Date().toISOString()}\n`, 0);
        return { kind: 'held', release: () => release(opened, path) };
      }
    } catch (error) {
      if (!(error instanceof DecadeError)) await release(opened, path);
      throw error;
    }
    await opened.close();
  }
  return { kind: 'taken', holder: 'processes that come and go' };
}

async function openLocked(path: string): Promise<FileHandle | Exclude<LockAttempt, { kind: 'held' }>> {
  const flags = lockingFlags[process.platform];
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDWR | constants.O_CREAT | (flags ?? 0));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (flags !== undefined && (code === 'EAGAIN' || code === 'EBUSY')) return { kind: 'taken', holder: await holderOf(path) };
    const reason = unavailable[code];
    if (reason === undefined) throw error;
    return { kind: 'unavailable', reason };
  }
  if (flags !== undefined) return handle;
  const refusal = await flock(handle.fd);
  if (refusal === undefined) return handle;
  // Empty, it is no holder's, but made by the opening.
  if (refusal !== '' && (await handle.stat()).size === 0) await rm(path, { force: true });
  await handle.close();
  return refusal === '' ? { kind: 'taken', holder: await holderOf(path) } : { kind: 'unavailable', reason: refusal };
}

/**
 * flock(2) belongs to the open file, not to who asked for it, so flock(1) (of util-linux and BusyBox) can ask for it on a
 * descriptor that it inherits. Undefined when it was granted, '' when somebody else has it, else why there are no locks.
 */
function flock(descriptor: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] });
    let message = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      message += text;
    });
    child.on('error', (error) => resolve('code' in error && error.code === 'ENOENT' ? 'no command `flock` here' : error.message));
    child.on('close', (code) => {
      if (code === 0) resolve(undefined);
      else resolve(code === 1 ? message.trim() : message.trim() || `\`flock\` ended with ${code}`);
    });
  });
}

/** Whether an open file is still what a path leads to: its last holder may have removed it. */
async function isAt(handle: FileHandle, path: string): Promise<boolean> {
  if (process.platform === 'win32') return true;
  const mine = await handle.stat({ bigint: true });
  const there = await stat(path, { bigint: true }).catch(() => undefined);
  return there?.ino === mine.ino && there.dev === mine.dev;
}

async function release(handle: FileHandle, path: string): Promise<void> {
  const remove = () => rm(path, { force: true }).catch(() => undefined);
  // Where a file that is open can be removed, nobody else has it yet; Windows refuses both to who is too late.
  if (process.platform !== 'win32') await remove();
  await handle.close().catch(() => undefined);
  if (process.platform === 'win32') await remove();
}

const holder = /^(process \d+ on \S+ since \S+)\n$/;

/** Whether a file is empty, as it is made, or what a holder wrote, cut off by a power failure perhaps or zeros in its place. */
function isLock(text: string): boolean {
  return /^\0*$/.test(text) || 'process '.startsWith(text) || /^process \d+[^\n]*\n?$/.test(text);
}

async function holderOf(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return holder.exec(text)?.[1] ?? 'another process';
}
