import { DecadeError } from '../core/errors.js';
import { joinPath, type ReadableFiles } from '../core/files.js';
import { packedDirectories, withPackedDirectories } from '../packed/directories.js';
import { sha256 } from '../core/sha256.js';
import { PackedModel } from '../packed/packed-model.js';
import { blobFile, blobFiles } from './blob-files.js';
import { answerOf, blobOf } from './download.js';
import { openPackedUrl, type SourceControl } from './packed-url.js';
import type { Integrity, SentSource } from './requests.js';

/** Models to open, as directories. */
export interface OpenedSources {
  readonly files: ReadableFiles;
  readonly runs: readonly string[];
}

/** A place where files are found by their names. */
type Directory = (name: string) => Promise<Blob | undefined>;

/**
 * Finds the files of models, wherever a page said that they are.
 *
 * @throws DecadeError `input` for what cannot be fetched, is no model or has another hash, `usage` for a hash of the wrong kind
 */
export async function openSources(sources: readonly SentSource[], control: SourceControl): Promise<OpenedSources> {
  const directories = new Map<string, Directory>();
  const packed: PackedModel[] = [];
  const runs: string[] = [];
  for (const [index, source] of sources.entries()) {
    // Several files may have one name.
    const path = source.kind === 'url' ? source.url : sources.length === 1 ? source.name : `${source.name} (${index + 1})`;
    if (source.kind === 'run') {
      directories.set(path, async (name) => source.files.get(name));
      runs.push(path);
    } else if (source.kind === 'url' && !isPacked(path)) {
      directories.set(path, runOnServer(path, source.integrity, control));
      runs.push(path);
    } else {
      const model = await openPacked(source, path, control);
      packed.push(model);
      runs.push(...packedDirectories([model]).keys());
    }
  }
  const files = blobFiles(async (path) => {
    for (const [parent, find] of directories) {
      const prefix = joinPath(parent, '/');
      if (path.startsWith(prefix)) return find(path.slice(prefix.length));
    }
    return undefined;
  });
  return { files: withPackedDirectories(packedDirectories(packed), files), runs };
}

/** Whether a URL is that of a packed model. What is no address of a server, such as that of a blob, can only be one. */
function isPacked(url: string): boolean {
  const { protocol, pathname } = new URL(url);
  return !/^https?:$/.test(protocol) || pathname.endsWith('.decade');
}

/** A run directory on a web server. Files that must have a hash are kept. */
function runOnServer(url: string, integrity: Integrity | undefined, control: SourceControl): Directory {
  if (typeof integrity === 'string')
    throw wrongIntegrity(url, 'one hash for a run, which has several files', 'a hash for each file by its name');
  return async (name) => {
    const path = joinPath(url, name);
    if (integrity === undefined) return blobOf(path, await answerOf(path, control), control);
    const hash = Object.hasOwn(integrity, name) ? integrity[name] : undefined;
    if (hash === undefined) throw wrongIntegrity(path, 'no hash', 'one for each file of the run');
    return checkedFile(path, hash, control);
  };
}

async function checkedFile(url: string, hash: string, control: SourceControl): Promise<Blob | undefined> {
  const { store, warn } = control;
  const kept = await store?.find(url);
  if (kept !== undefined && (await hashOf(kept)) === hash) return kept;
  const blob = await blobOf(url, await answerOf(url, control), control);
  if (blob === undefined) return undefined;
  const received = await hashOf(blob);
  if (received !== hash) throw otherHash(url, received, hash);
  await store?.keep(url, blob).catch(warn);
  return blob;
}

async function openPacked(source: Exclude<SentSource, { kind: 'run' }>, path: string, control: SourceControl): Promise<PackedModel> {
  const { integrity } = source;
  requireHashing(path);
  if (integrity !== undefined && typeof integrity !== 'string') {
    throw wrongIntegrity(path, 'hashes by name for a packed model', 'its hash, as decade pack prints it');
  }
  const model =
    source.kind === 'packed' ? await PackedModel.open(blobFile(path, source.blob), path) : await openPackedUrl(path, integrity, control);
  if (integrity !== undefined && model.hash !== integrity) throw otherHash(path, model.hash, integrity);
  return model;
}

async function hashOf(blob: Blob): Promise<string> {
  requireHashing('integrity');
  return sha256(new Uint8Array(await blob.arrayBuffer()));
}

function requireHashing(where: string): void {
  if (globalThis.crypto?.subtle !== undefined) return;
  throw new DecadeError('resource', {
    where,
    received: 'a page in which the browser does not compute hashes',
    allowed: 'a page from https or localhost',
    next: 'serve the page over https, or load a run directory without integrity',
  });
}

function wrongIntegrity(where: string, received: string, allowed: string): DecadeError {
  return new DecadeError('usage', { where: `integrity of ${where}`, received, allowed });
}

function otherHash(where: string, received: string, allowed: string): DecadeError {
  const next = 'the file was changed or replaced: take the new hash if that was meant to be';
  return new DecadeError('input', { where, received: `the hash ${received}`, allowed, next });
}
