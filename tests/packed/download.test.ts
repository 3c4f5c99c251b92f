import assert from 'node:assert/strict';
import type { RequestListener, ServerResponse } from 'node:http';
import { before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { decade } from '../../src/decade.js';
import { mountRuns } from '../../src/packed/mounted-runs.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { gemm, packed, trainedRuns } from './packed-run.js';
import { withServer } from './web-server.js';

let runtime: Runtime;
let library: ReturnType<typeof decade>;
let bytes: Uint8Array;
const lines = ['1 2 3', '4 5'];

before(async () => {
  runtime = await trainedRuns();
  library = decade(runtime);
  await packed(runtime.files, ['one', 'two'], { out: 'both.decade' });
  bytes = await runtime.files.readBytes('both.decade');
});

/** In small pieces, each after the one before has left. */
async function trickle(response: ServerResponse, contents: Uint8Array): Promise<void> {
  for (let at = 0; at < contents.length; at += 1_111) {
    await new Promise((done) => response.write(contents.subarray(at, at + 1_111), done));
  }
}

describe('the URL of a packed model', () => {
  test('translates as the file', async () => {
    const expected = await library.translate('both.decade', lines, { gemm });
    await withServer(
      (_, response) => void trickle(response, bytes).then(() => response.end()),
      async (url) => assert.deepEqual(await library.translate(url, lines, { gemm }), expected),
    );
    const compressed: RequestListener = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(bytes));
    await withServer(compressed, async (url) => assert.deepEqual(await library.translate(url, lines, { gemm }), expected));
  });

  test('is read while it arrives: the tokenizers before the weights have been sent', async () => {
    const beginning = bytes.subarray(0, bytes.length - 20_000);
    let rest = () => {};
    const answer: RequestListener = (_, response) => {
      response.write(beginning);
      rest = () => response.end(bytes.subarray(beginning.length));
    };
    await withServer(answer, async (url) => {
      const mounted = await mountRuns(runtime.files, [url]);
      assert.deepEqual(mounted.runs, [`${url}/1`, `${url}/2`]);
      assert.deepEqual((await mounted.files.list(`${url}/2`)).includes('model.json'), true);
      rest();
      assert.equal((await mounted.files.readText(`${url}/1/model.json`)).slice(0, 1), '{');
      await mounted.close();
    });
  });

  test('that never ends is given up when the signal says so, at its beginning and later', async () => {
    for (const sent of [0, bytes.length - 100]) {
      const controller = new AbortController();
      const answer: RequestListener = (_, response) => {
        response.write(bytes.subarray(0, sent));
        setTimeout(() => controller.abort(new Error('enough')), 50);
      };
      await withServer(answer, (url) =>
        assert.rejects(library.unpack(url, { out: 'never', signal: controller.signal }), { message: 'enough' }),
      );
      assert.equal(await runtime.files.kind('never'), 'missing');
    }
  });

  const refused: Readonly<Record<string, [RequestListener, RegExp]>> = {
    'a missing file': [(_, response) => response.writeHead(404).end('no'), /model\.decade: no such file \(HTTP status 404\)/],
    'a server that fails': [(_, response) => response.writeHead(503).end(), /model\.decade: HTTP status 503/],
    'a web page': [(_, response) => response.end('\n<!DOCTYPE html><title>Log in</title>'), /a web page; expected .* It may|a web page/],
    'an empty answer': [(_, response) => response.end(), /a file of another kind/],
    'an early end': [
      (_, response) => response.end(bytes.subarray(0, bytes.length - 100)),
      /a download that ended after [\d,]+ bytes; expected at least/,
    ],
    'an end in the header': [(_, response) => response.end(bytes.subarray(0, 400)), /a download that ended after 400 bytes/],
    'a connection that breaks': [
      (_, response) => void trickle(response, bytes.subarray(0, 50_000)).then(() => response.destroy()),
      /a download that broke off after [\d,]+ bytes/,
    ],
    'changed weights': [
      (_, response) => {
        const changed = bytes.slice();
        changed[changed.length - 5] = (changed.at(-5) ?? 0) ^ 1;
        response.end(changed);
      },
      /other bytes than were packed, between \d+ and \d+; expected the hash/,
    ],
    'a changed header': [
      (_, response) => {
        const changed = bytes.slice();
        changed[400] = (changed.at(400) ?? 0) ^ 1;
        response.end(changed);
      },
      /a header that differs from its hash/,
    ],
  };
  for (const [what, [answer, message]] of Object.entries(refused)) {
    test(`${what} has a clear answer`, () =>
      withServer(answer, (url) => assert.rejects(library.translate(url, lines, { gemm }), { name: 'DecadeError', message })));
  }

  test('a server that is not there has a clear answer', async () => {
    let gone = '';
    await withServer(
      () => {},
      async (url) => {
        gone = url;
      },
    );
    await assert.rejects(library.load(gone), { name: 'DecadeError', kind: 'resource', message: /a request that failed \(.*ECONNREFUSED/ });
  });
});
