import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { before, beforeEach, describe, test } from 'node:test';
import { openPackedUrl } from '../../src/browser/packed-url.js';
import type { Files } from '../../src/core/files.js';
import { packed, trainedRuns } from '../packed/packed-run.js';
import { withServer } from '../packed/web-server.js';
import { FakeStore } from './stored.js';

let files: Files;
let one: { readonly bytes: Uint8Array; readonly hash: string };
let two: typeof one;

async function packedRun(run: string): Promise<typeof one> {
  const { hash } = await packed(files, run, { out: `${run}.decade` });
  return { hash, bytes: await files.readBytes(`${run}.decade`) };
}

before(async () => {
  ({ files } = await trainedRuns());
  [one, two] = [await packedRun('one'), await packedRun('two')];
});

describe('a packed model on a web server', () => {
  let store: FakeStore;
  let warnings: string[];
  /** What the server has, and how much of it was taken. */
  let served: Uint8Array | RequestListener;
  let requests: number;
  let url: string;

  beforeEach(() => {
    store = new FakeStore();
    warnings = [];
    requests = 0;
    served = one.bytes;
  });

  const open = (hash?: string) => openPackedUrl(url, hash, { store, warn: ({ message }) => warnings.push(message) });
  const onServer = (use: () => Promise<void>) =>
    withServer(
      (request, response) => {
        requests++;
        if (typeof served === 'function') served(request, response);
        else response.end(served);
      },
      async (address) => {
        url = address;
        await use();
      },
    );
  const serving = (name: string, use: () => Promise<void>) => test(name, () => onServer(use));

  serving('is kept when it is whole, and used again while the server has the same', async () => {
    assert.equal((await open()).hash, one.hash);
    assert.equal(store.kept.get(url)?.size, one.bytes.length);
    // The beginning is enough: the rest never comes.
    served = (_, response) => void response.write(one.bytes.subarray(0, one.bytes.length - 1_000));
    assert.equal((await open()).hash, one.hash);
    assert.equal(requests, 2);
    assert.deepEqual(warnings, []);
  });

  serving('is replaced when the server has another', async () => {
    await open();
    served = two.bytes;
    assert.equal((await open()).hash, two.hash);
    assert.deepEqual(new Uint8Array((await store.kept.get(url)?.arrayBuffer()) ?? new ArrayBuffer(0)), new Uint8Array(two.bytes));
  });

  serving('is not asked for again when what is kept has the wanted hash', async () => {
    await open(one.hash);
    assert.equal((await open(one.hash)).hash, one.hash);
    assert.equal(requests, 1);
    served = two.bytes;
    assert.equal((await open(two.hash)).hash, two.hash);
    assert.equal(requests, 2);
  });

  serving('of another hash than the wanted one is not kept', async () => {
    await open(two.hash);
    assert.equal(store.kept.size, 0);
  });

  serving('is used from an earlier visit when the network fails, and says so', async () => {
    await open();
    served = (request) => request.socket.destroy();
    assert.equal((await open()).hash, one.hash);
    assert.match(warnings.join(), /a request that failed .*The model as it was at an earlier visit is used/);
    served = (_, response) => response.writeHead(404).end();
    await assert.rejects(open(), /no such file/, 'a server that has it no more is no network that fails');
  });

  serving('that is damaged in the store is removed and fetched again', async () => {
    for (const damaged of [one.bytes.slice(0, 5_000), changed()]) {
      store.kept.set(url, new Blob([damaged as Uint8Array<ArrayBuffer>]));
      assert.equal((await open(one.hash)).hash, one.hash);
      assert.deepEqual(new Uint8Array((await store.kept.get(url)?.arrayBuffer()) ?? new ArrayBuffer(0)), new Uint8Array(one.bytes));
    }
    assert.equal(requests, 2);
  });

  serving('works where the browser has no room for it, and says so', async () => {
    store.isFull = true;
    assert.equal((await open()).hash, one.hash);
    assert.match(warnings.join(), /a browser that is full/);
  });

  serving('opened twice at once is kept once and whole', async () => {
    const both = await Promise.all([open(), open()]);
    assert.deepEqual(
      both.map(({ hash }) => hash),
      [one.hash, one.hash],
    );
    assert.equal(store.kept.get(url)?.size, one.bytes.length);
  });

  const changed = () => {
    const bytes = one.bytes.slice();
    bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 1;
    return bytes;
  };
  for (const [name, answer, message] of [
    ['an early end', () => one.bytes.subarray(0, one.bytes.length - 100), /a file of [\d]+ bytes whose header describes/],
    ['changed weights', changed, /other bytes than were packed/],
    ['a web page', () => new TextEncoder().encode('<!doctype html><title>Log in</title>'), /a web page/],
    ['an empty answer', () => new Uint8Array(0), /a file of another kind/],
    [
      'a file of another kind',
      () => new TextEncoder().encode('PK something else that is long enough to be read as a header'),
      /a file of another kind/,
    ],
  ] as const) {
    serving(`${name} is refused, and never kept`, async () => {
      served = answer();
      await assert.rejects(open(), { name: 'DecadeError', kind: 'input', message });
      assert.equal(store.kept.size, 0);
    });
  }
});
