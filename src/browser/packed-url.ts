import { DecadeError } from '../core/errors.js';
import { fileError } from '../core/file-errors.js';
import { PackedModel } from '../packed/packed-model.js';
import { blobFile } from './blob-files.js';
import { answerOf, blobOf, type DownloadControl } from './download.js';
import type { ModelStore } from './model-store.js';

export interface SourceControl extends DownloadControl {
  /** Undefined where nothing is to be kept. */
  readonly store: ModelStore | undefined;
  /** Told what is not as it was asked for, and harms nothing. */
  readonly warn: (warning: DecadeError) => void;
}

/** A packed model that is kept, and its beginning: length, header and in it the hashes of all the rest. */
interface Kept {
  readonly model: PackedModel;
  readonly beginning: Uint8Array;
}

/**
 * A packed model on a web server. What is kept of it is used when it has the hash that is wanted; else when the server's file begins
 * alike, of which no more is fetched; and when the network fails. A model is kept when it is whole and every piece has its hash.
 *
 * @param hash  the wanted one, if any
 * @throws DecadeError `input` for what is not there, no packed model or damaged, `resource` for a network that fails
 */
export async function openPackedUrl(url: string, hash: string | undefined, control: SourceControl): Promise<PackedModel> {
  const { warn } = control;
  // The address of a blob is another one at the next visit.
  const store = /^https?:/.test(url) ? control.store : undefined;
  const kept = await find(url, store);
  if (kept !== undefined && kept.model.hash === hash) return kept.model;
  const usable = hash === undefined ? kept : undefined;
  const fetched = await download(url, usable?.beginning, control).catch((error: unknown) => {
    if (usable === undefined || !(error instanceof DecadeError && error.kind === 'resource')) throw error;
    warn(new DecadeError('resource', { ...error.parts, next: 'the model as it was at an earlier visit is used', cause: error }));
    return 'unchanged' as const;
  });
  if (usable !== undefined && fetched === 'unchanged') return usable.model;
  if (fetched === undefined || fetched === 'unchanged') throw fileError('missing', url);
  const model = await PackedModel.open(blobFile(url, fetched), url);
  if (store !== undefined && (hash === undefined || model.hash === hash)) {
    await model.check();
    await store.keep(url, fetched).catch(warn);
  }
  return model;
}

/** What is kept, unless it is damaged. */
async function find(url: string, store: ModelStore | undefined): Promise<Kept | undefined> {
  const blob = await store?.find(url);
  if (blob === undefined) return undefined;
  try {
    const model = await PackedModel.open(blobFile(url, blob), url);
    await model.check();
    const lengthBytes = 8;
    const length = new DataView(await blob.slice(0, lengthBytes).arrayBuffer()).getBigUint64(0, true);
    const beginning = new Uint8Array(await blob.slice(0, lengthBytes + Number(length)).arrayBuffer());
    return { model, beginning };
  } catch {
    await store?.remove(url);
    return undefined;
  }
}

/** The file of a server; `unchanged` when it begins so. */
async function download(url: string, beginning: Uint8Array | undefined, control: SourceControl): Promise<Blob | undefined | 'unchanged'> {
  const response = await answerOf(url, control);
  const { body, status, headers } = response;
  if (beginning === undefined || body === null || !response.ok) return blobOf(url, response, control);
  const read: Uint8Array<ArrayBuffer>[] = [];
  const reader = body.getReader();
  let [at, isAlike] = [0, true];
  while (isAlike && at < beginning.length) {
    const { value, done } = await reader.read().catch((cause) => {
      throw new DecadeError('resource', { where: url, received: 'a download that broke off', cause });
    });
    if (done) isAlike = false;
    else {
      const compared = value.subarray(0, beginning.length - at);
      isAlike = compared.every((byte, index) => byte === beginning[at + index]);
      at += value.length;
      read.push(value);
    }
  }
  if (isAlike) {
    await reader.cancel();
    return 'unchanged';
  }
  const rest = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      for (const chunk of read) controller.enqueue(chunk);
    },
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return blobOf(url, new Response(rest, { status, headers }), control);
}
