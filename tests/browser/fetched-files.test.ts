import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fetchedFiles } from '../../src/browser/fetched-files.js';

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

test('a file is fetched once, and read at any position', async (context) => {
  let requests = 0;
  const url = await serving(context, (_, response) => {
    requests++;
    response.end('0123456789');
  });
  const files = fetchedFiles();
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

test('a compressed answer has the size of what was compressed', async (context) => {
  const url = await serving(context, (_, response) => {
    const body = gzipSync(Buffer.alloc(100_000));
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
  });
  assert.equal((await fetchedFiles().open(url)).size, 100_000);
});

test('what a server does not have is missing; any other refusal is told with its status', async (context) => {
  const url = await serving(context, (request, response) => response.writeHead(request.url === '/file' ? 404 : 503).end('sorry'));
  const files = fetchedFiles();
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
  await assert.rejects(fetchedFiles().kind(url), failure);
  await assert.rejects(fetchedFiles().kind(`${url}/cut`), failure);
});
