import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clearCache, modelStore, type Storage } from '../../src/browser/model-store.js';

const url = 'https://example.org/model.decade';

/** A browser's storage in memory; `refused` is what writing fails with. */
function storage({ refused }: { refused?: Error } = {}) {
  const [caches, folders] = [new Map<string, Map<string, Blob>>(), new Map<string, Map<string, Blob>>()];
  const within = (all: typeof caches, name: string) => {
    const one = all.get(name) ?? new Map<string, Blob>();
    all.set(name, one);
    return one;
  };
  const folder = (name: string) => {
    const files = within(folders, name);
    return {
      async getFileHandle(file: string, options?: { create: boolean }) {
        if (options?.create) files.set(file, files.get(file) ?? new Blob());
        if (!files.has(file)) throw new DOMException('not there', 'NotFoundError');
        const written: Blob[] = [];
        return {
          getFile: async () => files.get(file),
          createWritable: async () => ({
            async write(blob: Blob) {
              if (refused) throw refused;
              written.push(blob);
            },
            close: async () => void files.set(file, new Blob(written)),
            abort: async () => {},
          }),
        };
      },
      removeEntry: async (file: string) => void files.delete(file),
    };
  };
  const parts = {
    caches: {
      async open(name: string) {
        const entries = within(caches, name);
        return {
          match: async (key: string) => entries.get(key) && new Response(entries.get(key)),
          async put(key: string, response: Response) {
            if (refused) throw refused;
            entries.set(key, await response.blob());
          },
          delete: async (key: string) => entries.delete(key),
        };
      },
      delete: async (name: string) => caches.delete(name),
    },
    directory: async () => ({
      getDirectoryHandle: async (name: string) => folder(name),
      removeEntry: async (name: string) => void folders.delete(name),
    }),
  };
  return { parts: parts as unknown as Required<Storage>, caches, folders };
}

/** A blob that says to be large, and holds little. */
class LargeBlob extends Blob {
  override get size(): number {
    return 1024 ** 3;
  }
}

const sizes = (all: ReadonlyMap<string, ReadonlyMap<string, Blob>>) => [...all.values()].map(({ size }) => size);

describe('what a browser keeps', () => {
  test('is in the cache, a large model in a file of its own; both are found and removed by their URL', async () => {
    for (const [blob, inCache] of [
      [new Blob(['small']), 1],
      [new LargeBlob(['large']), 0],
    ] as const) {
      const { parts, caches, folders } = storage();
      const store = modelStore(parts);
      assert.equal(await store.find(url), undefined);
      await store.keep(url, blob);
      assert.equal(caches.get('decade')?.size ?? 0, inCache);
      assert.deepEqual(await (await store.find(url))?.text(), await blob.text());
      assert.equal(await store.find(`${url}?other`), undefined);
      await store.remove(url);
      assert.equal(await store.find(url), undefined);
      assert.ok([...sizes(caches), ...sizes(folders)].every((size) => size === 0));
    }
  });

  test('is nothing of a model for which there is no room, and the error says what to do', async () => {
    for (const blob of [new Blob(['small']), new LargeBlob(['large'])]) {
      const { parts } = storage({ refused: new DOMException('full', 'QuotaExceededError') });
      const store = modelStore(parts);
      const message = /does not keep .* MiB \(full\)\. The model works, and is downloaded again next time; free some space/;
      await assert.rejects(store.keep(url, blob), { name: 'DecadeError', kind: 'resource', message });
      assert.equal(await store.find(url), undefined);
    }
  });

  test('is nothing where the browser has no storage, or does not let the page look', async () => {
    assert.equal(await modelStore({}).find(url), undefined);
    await assert.rejects(modelStore({}).keep(url, new Blob(['x'])), { name: 'DecadeError', kind: 'resource' });
    const denied = async () => {
      throw new DOMException('denied', 'SecurityError');
    };
    const store = modelStore({ caches: { open: denied } as unknown as CacheStorage, directory: denied });
    assert.equal(await store.find(url), undefined);
    await assert.rejects(store.keep(url, new Blob(['x'])), /\(denied\)/);
    await store.remove(url);
  });

  test('is all gone after clearCache', async () => {
    const { parts, caches, folders } = storage();
    await modelStore(parts).keep(url, new Blob(['small']));
    await modelStore(parts).keep(`${url}-large`, new LargeBlob(['large']));
    await clearCache(parts);
    assert.deepEqual([caches.size, folders.size], [0, 0]);
    await clearCache({});
  });
});
