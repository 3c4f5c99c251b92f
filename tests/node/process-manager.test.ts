import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ForeignInterface } from '../../src/node/foreign.js';

const skip =
  (await ForeignInterface.load()) instanceof ForeignInterface ? false : 'koffi, the optional package for native calls, is not here';

/** What a process said to a launcher that answers each line, after a while, with what is given for it. */
async function partWith(answers: ReadonlyMap<string, string>) {
  const program = fileURLToPath(new URL('./parting-process.js', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const said: string[] = [];
  const [, output, errors, socket] = child.stdio as unknown as [null, Readable, Readable, Duplex];
  socket.on('data', (line: Buffer) => {
    said.push(line.toString());
    setTimeout(() => socket.write(answers.get(line.toString()) ?? ''), 50);
  });
  const [looks, told, [code]] = await Promise.all([text(output), text(errors), once(child, 'close')]);
  return { said, code: code as number, looks: Number(looks), errors: told };
}

test('a rank meets the others in the launcher’s barrier, looking at the network meanwhile, before it says that it ends', {
  skip,
}, async () => {
  const { said, code, looks } = await partWith(
    new Map([
      ['cmd=barrier_in\n', 'cmd=barrier_out\n'],
      ['cmd=finalize\n', 'cmd=finalize_ack\n'],
    ]),
  );
  assert.deepEqual(said, ['cmd=barrier_in\n', 'cmd=finalize\n']);
  assert.ok(looks > 1, String(looks));
  assert.equal(code, 0);
});

test('a launcher that speaks another protocol is an error that quotes it', { skip }, async () => {
  const { code, errors } = await partWith(new Map([['cmd=barrier_in\n', 'cmd=abort exitcode=1\n']]));
  assert.equal(code, 1);
  assert.match(errors, /MPICH's launcher said "cmd=abort exitcode=1", not "cmd=barrier_out"/);
});
