import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as later } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { App } from '../../src/server/app.js';
import { listen, type Listening } from '../../src/server/listen.js';
import { resolveServerOptions } from '../../src/server/options.js';
import { Service } from '../../src/server/service.js';

/** A server of no models: how connections end does not depend on what is answered. */
async function served(deadline = 2_000): Promise<Listening & { readonly connected: () => Socket }> {
  const options = resolveServerOptions({ port: 0, deadline });
  const service = await Service.open({ load: () => assert.fail(), languages: () => assert.fail() }, [], options);
  const listening = await listen(new App({ service, version: '0' }), options);
  return { ...listening, connected: () => connect(Number(new URL(listening.url).port), '127.0.0.1') };
}

const request = 'GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n';
const count = (text: string, part: RegExp) => [...text.matchAll(part)].length;

describe('a server that stops', () => {
  test('answers who had connected, though nothing of it was read yet, and closes after the answer', async () => {
    const { connected, stop } = await served();
    const kept = connected();
    kept.write(request);
    await once(kept, 'data');
    const clients = Array.from({ length: 60 }, connected);
    await Promise.all(clients.map((client) => once(client, 'connect')));
    const answers = [kept, ...clients].map((client) => text(client));
    for (const client of [kept, ...clients]) client.write(request);
    const stopped = stop();
    for (const answer of await Promise.all(answers)) {
      assert.equal(count(answer, /HTTP\/1\.1 200 OK/g), 1, answer);
      assert.match(answer, /Connection: close/);
    }
    await stopped;
    const [error] = (await once(connected(), 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
  });

  test('answers all requests that were sent one behind the other', async () => {
    const { connected, stop } = await served();
    const client = connected();
    await once(client, 'connect');
    client.write(request.repeat(3));
    const answer = text(client);
    await stop();
    assert.equal(count(await answer, /HTTP\/1\.1 200 OK/g), 3);
    assert.equal(count(await answer, /Connection: close/g), 1);
  });

  test('waits for a body no longer than the deadline, and for who says nothing not even that', async () => {
    const { connected, stop } = await served(700);
    const [stalled, silent] = [connected(), connected()];
    await Promise.all([once(stalled, 'connect'), once(silent, 'connect')]);
    stalled.write('POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"q":');
    const [late, nothing] = [text(stalled), text(silent)];
    await later(50);
    const started = performance.now();
    await stop();
    assert.match(await late, /^HTTP\/1\.1 408 Request Timeout.*did not arrive/s);
    assert.equal(await nothing, '');
    assert.ok(performance.now() - started < 5_000);
  });
});

test('a port that is in use says which one to take instead, and an address of another machine says so', async () => {
  const { url, stop } = await served();
  const port = Number(new URL(url).port);
  const app = {} as App;
  await assert.rejects(listen(app, { host: '127.0.0.1', port, deadline: 1 }), new RegExp(`in use.*--port ${port + 1}, or --port 0`));
  await assert.rejects(listen(app, { host: '192.0.2.1', port: 0, deadline: 1 }), /this machine does not have.*--host 0\.0\.0\.0/);
  await stop();
});
