import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { blobFiles } from '../../src/browser/blob-files.js';
import { answerOf, blobOf, type DownloadControl, type LoadProgress } from '../../src/browser/download.js';

/** The URL of a server that answers so, for as long as the test lasts. */
async function serving(context: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
}

const download = async (url: string, control: DownloadControl = {}) => blobOf(url, await answerOf(url, control), control);

test('a file is fetched once, and read at any position', async (context) => {
  let requests = 0;
  const url = await serving(context, (_, response) => {
    requests++;
    response.end('0123456789');
  });
  const files = blobFiles((path) => download(path));
  assert.equal(await files.kind(url), 'file');
  const file = await files.open(url);
  const target = new Uint8Array(3);
  for (const position of [7, 0]) {
    await file.read(target, position);
    assert.equal(new TextDecoder().decode(target), '0123456789'.slice(position, position + 3));
  }
  assert.equal(file.size, 10);
  await assert.rejects(file.read(target, 8), /a file of 10 bytes, too short to read 3 bytes at offset 8/);
  let text = '';
  for await (const piece of files.stream(url)) text += new TextDecoder().decode(piece);
  assert.deepEqual([text, requests], ['0123456789', 1]);
});

test('progress counts bytes, with the total where the server says it', async (context) => {
  const url = await serving(context, (request, response) => {
    if (request.url === '/file') response.writeHead(200, { 'content-length': 70_000 }).end(Buffer.alloc(70_000));
    else {
      const body = gzipSync(Buffer.alloc(70_000));
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
    }
  });
  for (const [path, total] of [
    [url, 70_000],
    [`${url}/compressed`, undefined],
  ] as const) {
    const told: LoadProgress[] = [];
    const blob = await download(path, { onProgress: (progress) => told.push(progress) });
    assert.equal(blob?.size, 70_000, 'a compressed answer has the size of what was compressed');
    assert.deepEqual(told.at(-1), { url: path, bytes: 70_000, total });
    assert.ok(told.every(({ bytes }, index) => bytes > (told[index - 1]?.bytes ?? 0)));
  }
});

test('what a server does not have is missing; any other refusal is told with its status', async (context) => {
  const url = await serving(context, (request, response) => response.writeHead(request.url === '/file' ? 404 : 503).end('sorry'));
  const files = blobFiles((path) => download(path));
  assert.equal(await files.kind(url), 'missing');
  await assert.rejects(files.open(url), { name: 'DecadeError', kind: 'input', message: /\/file: no such file/ });
  await assert.rejects(files.kind(`${url}/other`), { name: 'DecadeError', message: /\/file\/other: HTTP status 503/ });
});

test('a connection that fails, or ends early, is told as one', async (context) => {
  const url = await serving(context, (request, response) => {
    if (request.url === '/file') return request.socket.destroy();
    response.writeHead(200, { 'content-length': 1000 }).write('only the beginning');
    setTimeout(() => request.socket.destroy(), 20);
    return undefined;
  });
  const failure = { name: 'DecadeError', kind: 'resource', message: /a request that failed .*\(CORS\)/ };
  await assert.rejects(download(url), failure);
  await assert.rejects(download(`${url}/cut`), failure);
});

test('a signal ends a download by its reason, before the answer and in the middle of it', async (context) => {
  const url = await serving(context, (request, response) => {
    if (request.url !== '/file') response.writeHead(200).write(Buffer.alloc(1000));
  });
  const reason = new Error('the visitor left');
  const silent = new AbortController();
  setTimeout(() => silent.abort(reason), 20);
  await assert.rejects(download(url, { signal: silent.signal }), reason);
  const begun = new AbortController();
  await assert.rejects(download(`${url}/begun`, { signal: begun.signal, onProgress: () => begun.abort(reason) }), reason);
});

test('a response that somebody has read already is refused', async () => {
  const response = new Response('model');
  await response.text();
  await assert.rejects(blobOf('response', response), { kind: 'usage', message: /has been read; expected .* Give the response itself/ });
});
