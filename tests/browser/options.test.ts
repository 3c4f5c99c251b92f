import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from '../../src/browser/index.js';
import { BrowserModel } from '../../src/browser/model.js';
import { DecadeError } from '../../src/core/errors.js';

const isUsage = (error: unknown) => error instanceof DecadeError && error.kind === 'usage' && /a record of options/.test(error.message);

test('options that are no record are refused in a page as elsewhere', async () => {
  for (const options of [null, 5, []]) {
    await assert.rejects(load('models/en-fr', options as object), isUsage);
    // A model needs a worker, which its calls are refused before.
    await assert.rejects(BrowserModel.prototype.translate.call(undefined as never, ['a'], options as object), isUsage);
    await assert.rejects(BrowserModel.prototype.translateStream.call(undefined as never, ['a'], options as object).next(), isUsage);
  }
});
