import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { openSources } from '../../src/browser/opened-sources.js';
import type { Integrity, SentSource } from '../../src/browser/requests.js';
import { readDescription, readTokenizers } from '../../src/checkpoint/model-files.js';
import type { Files } from '../../src/core/files.js';
import { sha256 } from '../../src/core/sha256.js';
import { packed, trainedRuns } from '../packed/packed-run.js';
import { withServer } from '../packed/web-server.js';
import { FakeStore } from './stored.js';

let files: Files;
before(async () => {
  ({ files } = await trainedRuns());
});

const open = (sources: readonly SentSource[], store?: FakeStore) => openSources(sources, { store, warn: () => {} });
const packedSource = (bytes: Uint8Array, integrity?: Integrity): SentSource => {
  return { kind: 'packed', name: 'my.decade', blob: new Blob([bytes as Uint8Array<ArrayBuffer>]), integrity };
};

describe('the models that a page names', () => {
  test('are directories, whatever they come from', async () => {
    await packed(files, ['one', 'two'], { out: 'both.decade' });
    const names = ['model.json', 'model.safetensors', 'source-tokenizer.json', 'target-tokenizer.json', 'source-words.txt'];
    const blobs = await Promise.all(
      names.map(async (name) => new Blob([(await files.readBytes(`one/${name}`)) as Uint8Array<ArrayBuffer>])),
    );
    const run: SentSource = { kind: 'run', name: 'trained', files: new Map(names.map((name, index) => [name, blobs[index] as Blob])) };
    const opened = await open([packedSource(await files.readBytes('both.decade')), run]);
    assert.deepEqual(opened.runs, ['my.decade (1)/1', 'my.decade (1)/2', 'trained (2)']);
    for (const path of opened.runs) {
      const described = await readDescription(opened.files, path);
      assert.ok(described !== undefined, path);
      assert.equal((await readTokenizers(opened.files, path, described)).target.size, described.vocabularies.target);
    }
    assert.equal(await opened.files.kind('trained (2)/nothing'), 'missing');
  });

  test('are told apart where their files have one name', async () => {
    for (const run of ['one', 'two']) await packed(files, run, { out: `${run}.decade` });
    const { files: found, runs } = await open([
      packedSource(await files.readBytes('one.decade')),
      packedSource(await files.readBytes('two.decade')),
    ]);
    const [first, second] = await Promise.all(
      runs.map(async (run) => {
        const file = await found.open(`${run}/model.safetensors`);
        const bytes = new Uint8Array(file.size);
        await file.read(bytes, 0);
        return Buffer.from(bytes);
      }),
    );
    assert.equal(runs.length, 2);
    assert.ok(first !== undefined && second !== undefined && !first.equals(second));
  });

  test('are refused without the hash that they must have', async () => {
    const { hash } = await packed(files, 'one', { out: 'one.decade' });
    const bytes = await files.readBytes('one.decade');
    assert.equal((await open([packedSource(bytes, hash)])).runs.length, 1);
    await assert.rejects(open([packedSource(bytes, 'f'.repeat(64))]), {
      kind: 'input',
      message: new RegExp(`my\\.decade: the hash ${hash}; expected ffff`),
    });
    await assert.rejects(open([packedSource(bytes, { 'model.json': hash })]), {
      kind: 'usage',
      message: /hashes by name for a packed model/,
    });
    await assert.rejects(open([{ kind: 'url', url: 'http://127.0.0.1:9/run', integrity: hash }]), {
      kind: 'usage',
      message: /one hash for a run/,
    });
  });

  test('of a run with hashes, each file is checked, kept, and not fetched again', async () => {
    const asked: string[] = [];
    const contents = new Map([
      ['/run/model.json', '{ "format": "decade-model" }'],
      ['/run/model.safetensors', 'weights'],
    ]);
    const answer = ({ url = '' }: { url?: string }, response: { end(text?: string): void }) => {
      asked.push(url);
      response.end(contents.get(url));
    };
    await withServer(answer, async (server) => {
      const url = new URL('/run', server).href;
      const hashes: Record<string, string> = {};
      for (const [path, text] of contents) hashes[path.slice('/run/'.length)] = await sha256(new TextEncoder().encode(text));
      const store = new FakeStore();
      for (const _visit of [1, 2]) {
        const { files: found } = await open([{ kind: 'url', url, integrity: hashes }], store);
        assert.equal(await found.kind(`${url}/model.json`), 'file');
        assert.equal((await found.open(`${url}/model.safetensors`)).size, 'weights'.length);
        await assert.rejects(found.open(`${url}/source-words.txt`), { kind: 'usage', message: /no hash; expected one for each file/ });
      }
      assert.deepEqual(asked, ['/run/model.json', '/run/model.safetensors']);
      contents.set('/run/model.safetensors', 'other');
      store.kept.clear();
      const { files: found } = await open([{ kind: 'url', url, integrity: hashes }], store);
      await assert.rejects(found.open(`${url}/model.safetensors`), { kind: 'input', message: /the file was changed or replaced/i });
      assert.equal(store.kept.size, 0);
    });
  });

  test('are refused where a foreign file is in their place', async () => {
    const foreign = (text: string) => open([packedSource(new TextEncoder().encode(text.padEnd(200)))]);
    await assert.rejects(foreign('<!doctype html>'), /my\.decade: a web page/);
    await assert.rejects(foreign('anything'), /my\.decade: a file of another kind/);
    await assert.rejects(open([{ kind: 'url', url: 'blob:http://127.0.0.1/nothing', integrity: undefined }]), { kind: 'resource' });
  });
});
