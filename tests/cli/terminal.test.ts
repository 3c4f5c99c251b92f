import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { exitCodes, reportFailure } from '../../src/cli/failure.js';
import { Interrupted } from '../../src/cli/interruption.js';
import { runsNamed } from '../../src/cli/model.js';
import { asResult, styleFor } from '../../src/cli/terminal.js';
import { temporaryDirectory } from './decade.js';

/** What is written to standard error meanwhile. */
function told(action: () => void): string {
  const { write } = process.stderr;
  let text = '';
  process.stderr.write = ((piece: string) => {
    text += piece;
    return true;
  }) as typeof write;
  try {
    action();
  } finally {
    process.stderr.write = write;
  }
  return text;
}

function onTerminal<Result>(isTTY: boolean, action: () => Result): Result {
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
  Object.defineProperty(process.stdout, 'isTTY', { value: isTTY, configurable: true });
  try {
    return action();
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.stdout, 'isTTY');
    else Object.defineProperty(process.stdout, 'isTTY', before);
  }
}

const hostile = 'a\u001b]0;title\u0007\u001b[2J\u009b31mb\n';

test('a result reaches a terminal without escape sequences, and a file or a pipe as it is', () => {
  assert.equal(
    onTerminal(false, () => asResult(hostile)),
    hostile,
  );
  assert.equal(
    onTerminal(true, () => asResult(hostile)),
    'a\\u001b]0;title\\u0007\\u001b[2J\\u009b31mb\n',
  );
});

test('styles of our own are kept on a terminal that has colours', () => {
  const stream = { isTTY: true, hasColors: () => true } as unknown as NodeJS.WriteStream;
  const text = `${styleFor(stream)('green', 'yes')} \u001b[31mno`;
  assert.equal(
    onTerminal(true, () => asResult(text)),
    '\u001b[32myes\u001b[39m \\u001b[31mno',
  );
  assert.equal(styleFor({ isTTY: false } as unknown as NodeJS.WriteStream)('green', 'yes'), 'yes');
});

test('an error is told without escape sequences, several mistakes on lines of their own', () => {
  const error = new DecadeError('usage', { where: 'c\u001b[31m.yaml', received: '2 mistakes\n  line 1: a\n  line 2: b' });
  assert.equal(
    told(() => assert.equal(reportFailure(error, false), exitCodes.wrongUse)),
    'decade: c\\u001b[31m.yaml: 2 mistakes\n  line 1: a\n  line 2: b\n',
  );
});

test('every end has its exit code', () => {
  const codes = { usage: 2, input: 1, resource: 1, numeric: 1, shape: 1 } as const;
  for (const [kind, code] of Object.entries(codes)) {
    told(() => assert.equal(reportFailure(new DecadeError(kind as keyof typeof codes, { where: 'x', received: 'y' }), false), code));
  }
  told(() => assert.equal(reportFailure(new Interrupted('stopped'), false), 130));
  told(() => assert.equal(reportFailure(new TypeError('x'), false), 1));
});

test('limits of memory, threads and the system are told as such, not as a bug', () => {
  const withCode = (message: string, code: string, more = {}) => Object.assign(new Error(message), { code, ...more });
  const errors = [
    new RangeError('WebAssembly.Memory(): could not allocate memory'),
    new RangeError('Array buffer allocation failed'),
    new RangeError('Invalid string length'),
    new RangeError('WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory for new instance'),
    withCode('Cannot create a string longer than 0x1fffffe8 characters', 'ERR_STRING_TOO_LONG'),
    withCode('spawn ENOMEM', 'ENOMEM', { syscall: 'spawn' }),
    withCode('Worker terminated due to reaching memory limit', 'ERR_WORKER_OUT_OF_MEMORY'),
    withCode('Worker initialization failure: EAGAIN', 'ERR_WORKER_INIT_FAILED'),
    withCode('EMFILE: too many open files', 'EMFILE', { syscall: 'open', path: 'a' }),
    withCode('ELOOP: too many symbolic links', 'ELOOP', { syscall: 'stat', path: 'a' }),
  ];
  for (const error of errors) {
    const text = told(() => assert.equal(reportFailure(error, false), 1));
    assert.doesNotMatch(text, /bug in decade/, error.message);
    assert.match(text, /^decade: (memory|threads|a): .*\. \S/, error.message);
  }
  assert.match(
    told(() => reportFailure(new RangeError('Invalid count value: -1'), false)),
    /bug in decade/,
  );
});

const directory = temporaryDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));

test('a run whose name has commas or spaces is named as it is; other names are parted at commas', async () => {
  const comma = join(directory, 'a,b');
  const spaced = join(directory, 'c ');
  for (const path of [comma, spaced]) mkdirSync(path);
  assert.deepEqual(await runsNamed(comma), [comma]);
  assert.deepEqual(await runsNamed(spaced), [spaced]);
  assert.deepEqual(await runsNamed(`x, y,${spaced}`), ['x', 'y', spaced]);
  await assert.rejects(runsNamed('x,,y'), /--model x,,y: an empty name between commas/);
});
