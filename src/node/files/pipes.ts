import { closeSync, constants, fstatSync, open as openWithCallback, write as writeWithCallback, writeSync } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty, ReadStream } from 'node:tty';
import { promisify } from 'node:util';

/**
 * Named pipes, `<(...)`, sockets and terminals: they can be read only once, and reading may wait. The event loop waits, never a
 * thread of Node's pool: a process with a blocked thread cannot exit.
 */

const openDescriptor = promisify(openWithCallback);
const writeDescriptor = promisify(writeWithCallback);
const standardNames = ['stdin', 'stdout', 'stderr'];
const untilNextTry = 20;
const withoutWaiting = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The descriptor that a path such as `/dev/stdin` or `/dev/fd/63` means, which this process was started with. */
export function descriptorOf(path: string): number | undefined {
  const [, standard = '', device, process] = /^\/(?:dev\/(?:(std\w+)|fd\/(\d+))|proc\/self\/fd\/(\d+))$/.exec(path) ?? [];
  const number = device ?? process;
  if (number !== undefined) return Number(number);
  return standardNames.includes(standard) ? standardNames.indexOf(standard) : undefined;
}

/** Whether reading takes away what is read. */
export async function isPipe(path: string): Promise<boolean> {
  const found = await stat(path);
  if (!found.isCharacterDevice()) return found.isFIFO() || found.isSocket();
  // Terminals, but not /dev/null and its like.
  const descriptor = await openDescriptor(path, withoutWaiting);
  try {
    return isatty(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Those who wait for a pipe. */
const waiting = new Set<(reason: Error) => void>();
let stopped: Error | undefined;

/** Ends all waiting for pipes, now and from now on, by this error; undefined: waiting is allowed again. */
export function stopWaitingForPipes(reason: Error | undefined): void {
  stopped = reason;
  if (reason !== undefined) for (const stop of waiting) stop(reason);
}

/** Whether an error is the one by which waiting was ended. */
export function isStop(error: unknown): boolean {
  return error !== undefined && error === stopped;
}

async function unlessStopped<Result>(stop: (reason: Error) => void, work: () => Promise<Result>): Promise<Result> {
  if (stopped !== undefined) throw stopped;
  waiting.add(stop);
  try {
    return await work();
  } finally {
    waiting.delete(stop);
  }
}

/** The bytes of a pipe as they come, for who reads it once. */
export async function* readPipe(path: string): AsyncGenerator<Uint8Array> {
  yield* readStream(await openToRead(path));
}

/** The bytes of standard input as they arrive. */
export function readStandardInput(): AsyncGenerator<Uint8Array> {
  return readStream(process.stdin);
}

async function* readStream(stream: Readable): AsyncGenerator<Uint8Array> {
  const stop = (reason: Error) => stream.destroy(reason);
  waiting.add(stop);
  try {
    if (stopped !== undefined) throw stopped;
    for await (const chunk of stream) yield chunk as Uint8Array;
  } finally {
    waiting.delete(stop);
    stream.destroy();
  }
}

async function openToRead(path: string): Promise<Readable> {
  const inherited = descriptorOf(path);
  let descriptor: number;
  try {
    descriptor = await openDescriptor(path, withoutWaiting);
  } catch (error) {
    // A socket cannot be opened by its path, nor the pipe of another user.
    if (inherited === undefined) throw error;
    if (inherited === 0) return process.stdin;
    descriptor = inherited;
  }
  return isatty(descriptor) ? new ReadStream(descriptor) : new Socket({ fd: descriptor, readable: true, writable: false });
}

const spools = new Map<string, Promise<Spool>>();

/** The bytes of a pipe for who reads it again, too: what comes is kept in a temporary file until the process ends. */
export async function* readSpooled(path: string): AsyncGenerator<Uint8Array> {
  const { dev, ino } = await stat(path, { bigint: true });
  const key = `${dev}:${ino}`;
  const spool = spools.get(key) ?? Spool.open(path);
  spools.set(key, spool);
  yield* (await spool).read();
}

class Spool {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #file: FileHandle;
  #length = 0;
  #ended = false;
  /** The piece that is being waited for; rejected for good when the pipe broke. */
  #next: Promise<void> | undefined;

  private constructor(source: AsyncIterator<Uint8Array>, file: FileHandle) {
    this.#source = source;
    this.#file = file;
  }

  static async open(path: string): Promise<Spool> {
    const temporary = join(tmpdir(), `decade-pipe-${crypto.randomUUID()}`);
    const file = await open(temporary, 'wx+', 0o600);
    // An open file needs no name, and one without a name is gone with the process. Windows keeps the name.
    await rm(temporary).catch(() => undefined);
    return new Spool(readPipe(path), file);
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (let position = 0; ; ) {
      while (position === this.#length && !this.#ended) await this.#more();
      if (position === this.#length) return;
      const chunk = new Uint8Array(Math.min(spoolChunkBytes, this.#length - position));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, position);
      position += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  }

  async #more(): Promise<void> {
    this.#next ??= this.#take();
    await this.#next;
    this.#next = undefined;
  }

  async #take(): Promise<void> {
    const { done, value } = await this.#source.next();
    if (done) this.#ended = true;
    else {
      for (let written = 0; written < value.length; ) {
        const { bytesWritten } = await this.#file.write(value, written, value.length - written, this.#length + written);
        written += bytesWritten;
      }
      this.#length += value.length;
    }
  }
}

const spoolChunkBytes = 262_144;

/** Writes to a pipe, or to a descriptor that this process was started with. */
export interface PipeWriter {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Opens a named pipe to write to, as soon as somebody reads from it. */
export async function openPipeToWrite(path: string): Promise<PipeWriter> {
  for (;;) {
    if (stopped !== undefined) throw stopped;
    try {
      return streamWriter(new Socket({ fd: await openDescriptor(path, constants.O_WRONLY | constants.O_NONBLOCK), readable: false }));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENXIO')) throw error;
    }
    await sleep(untilNextTry);
  }
}

/** Whether a descriptor is open for writing; found out by writing nothing. */
export function takesText(descriptor: number): boolean {
  try {
    writeSync(descriptor, new Uint8Array(0));
    return true;
  } catch (error) {
    // A pipe that is full takes text later.
    return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EPIPE');
  }
}

/** A descriptor, written at where it stands: another process may share it. */
export function descriptorWriter(descriptor: number): PipeWriter {
  const found = fstatSync(descriptor);
  const close = async () => undefined;
  const standard = [undefined, process.stdout, process.stderr][descriptor];
  if (standard !== undefined) return { ...streamWriter(standard), close };
  if (found.isFIFO() || found.isSocket()) return streamWriter(new Socket({ fd: descriptor, readable: false }));
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await writeDescriptor(descriptor, bytes, done, bytes.length - done, null);
        done += bytesWritten;
      }
    },
    close,
  };
}

function streamWriter(stream: Writable): PipeWriter {
  // Every error reaches the writer through its callback.
  stream.on('error', () => undefined);
  const stop = (reason: Error) => stream.destroy(reason);
  const settled = (act: (done: (error?: Error | null) => void) => void) =>
    unlessStopped(stop, () => new Promise<void>((resolve, reject) => act((error) => (error ? reject(error) : resolve()))));
  return {
    write: (bytes) => settled((done) => stream.write(bytes, done)),
    close: async () => {
      await settled((done) => (stream.destroyed ? done() : stream.end(() => done())));
      stream.destroy();
    },
  };
}
