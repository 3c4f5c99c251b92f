import { DecadeError } from '../core/errors.js';
import { sha256 } from '../core/sha256.js';

/*
 * What a browser keeps of models between visits, by URL. Each file is whole when it appears, whatever ends the page meanwhile, and whoever
 * finds it checks it against its hash.
 */

const name = 'decade';
/** Larger ones are files of their own: browsers handle large entries of a cache badly. */
const mostInCache = 128 * 1024 ** 2;

/** What of a browser keeps files. Undefined parts are those that it lacks, as in a page that is not served over HTTPS. */
export interface Storage {
  readonly caches?: CacheStorage | undefined;
  /** The origin private file system. */
  readonly directory?: (() => Promise<FileSystemDirectoryHandle>) | undefined;
}

export interface ModelStore {
  /** Undefined also where the browser does not let look. */
  find(url: string): Promise<Blob | undefined>;
  /** @throws DecadeError `resource` where the browser has no more room */
  keep(url: string, contents: Blob): Promise<void>;
  remove(url: string): Promise<void>;
}

function storageHere(): Storage {
  const { storage } = globalThis.navigator ?? {};
  return { caches: globalThis.caches, directory: storage?.getDirectory && (() => storage.getDirectory()) };
}

export function modelStore({ caches, directory }: Storage = storageHere()): ModelStore {
  const folder = async () => (await directory?.())?.getDirectoryHandle(name, { create: true });

  async function inCache(url: string): Promise<Blob | undefined> {
    const found = await (await caches?.open(name))?.match(url);
    return found?.blob();
  }

  async function inFolder(url: string): Promise<Blob | undefined> {
    const file = await (await folder())?.getFileHandle(await fileNameOf(url));
    return file?.getFile();
  }

  async function writeFile(url: string, contents: Blob): Promise<void> {
    const there = await folder();
    if (there === undefined) throw new Error('no file system for large files');
    const file = await there.getFileHandle(await fileNameOf(url), { create: true });
    // What is written appears when it is closed.
    const writer = await file.createWritable();
    try {
      await writer.write(contents);
      await writer.close();
    } catch (error) {
      await writer.abort().catch(() => {});
      await there.removeEntry(await fileNameOf(url)).catch(() => {});
      throw error;
    }
  }

  return {
    find: async (url) => (await inCache(url).catch(() => undefined)) ?? inFolder(url).catch(() => undefined),
    async keep(url, contents) {
      try {
        if (contents.size > mostInCache || caches === undefined) await writeFile(url, contents);
        else await (await caches.open(name)).put(url, new Response(contents));
      } catch (cause) {
        throw new DecadeError('resource', {
          where: url,
          received: `a browser that does not keep ${(contents.size / 1024 ** 2).toFixed(1)} MiB (${cause instanceof Error ? cause.message : String(cause)})`,
          next: 'the model works, and is downloaded again next time; free some space, or load with cache: false',
          cause,
        });
      }
    },
    async remove(url) {
      await (await caches?.open(name).catch(() => undefined))?.delete(url);
      await (await folder().catch(() => undefined))?.removeEntry(await fileNameOf(url)).catch(() => {});
    },
  };
}

/** Removes all that `load` has kept in this browser, of every model. */
export async function clearCache({ caches, directory }: Storage = storageHere()): Promise<void> {
  await caches?.delete(name);
  await (await directory?.())?.removeEntry(name, { recursive: true }).catch(() => {});
}

/** No URL is the name of a file. */
function fileNameOf(url: string): Promise<string> {
  return sha256(new TextEncoder().encode(url));
}
