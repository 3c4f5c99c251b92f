import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/browser/engine.js';
import { load } from '../../src/browser/index.js';
import { BrowserModel } from '../../src/browser/model.js';
import { pageThreads } from '../../src/browser/threads.js';
import { DecadeError } from '../../src/core/errors.js';

const isUsage = (error: unknown) => error instanceof DecadeError && error.kind === 'usage' && /a record of options/.test(error.message);

test('options that are no record are refused in a page as elsewhere', async () => {
  // Calls are refused before the worker is asked.
  const model = new BrowserModel({
    engine: undefined as unknown as Engine,
    threads: 1,
    warnings: [],
    hasSource: true,
    hasSentenceVectors: false,
  });
  for (const options of [null, 5, []]) {
    await assert.rejects(load('models/en-fr', options as object), isUsage);
    await assert.rejects(model.translate(['a'], options as object), isUsage);
    assert.throws(() => model.translateStream(['a'], options as object), isUsage);
  }
});

test('an isolated page in a browser that shares no memory computes on one thread, and says why', () => {
  const before = Object.getOwnPropertyDescriptors(globalThis);
  Object.assign(globalThis, { crossOriginIsolated: true, SharedArrayBuffer: undefined });
  try {
    const { threads, warnings } = pageThreads(2);
    assert.equal(threads, 1);
    assert.match(String(warnings[0]?.message), /a browser that shares no memory between threads/);
  } finally {
    Object.defineProperty(globalThis, 'SharedArrayBuffer', before.SharedArrayBuffer);
    Reflect.deleteProperty(globalThis, 'crossOriginIsolated');
  }
});
