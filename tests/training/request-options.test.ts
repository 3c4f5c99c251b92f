import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveDecodingOptions } from '../../src/decoding/options.js';
import { requireLoadOptions, requireTrainOptions } from '../../src/training/request-options.js';

test('a call that no training can follow is refused by the name of its option', () => {
  const refused = (options: object | undefined, message: RegExp) => assert.throws(() => requireTrainOptions(options as object), message);
  refused({ out: 'a', devices: -1 }, /^DecadeError: train\.devices: -1; expected a number of at least 1$/);
  refused({ out: 'a', devices: 1.5 }, /^DecadeError: train\.devices: 1\.5; expected an integer$/);
  refused({ out: 'a', devices: 1e9 }, /train\.devices: 1000000000; expected a number of at most 256$/);
  refused({ out: 'a', set: 'training.seed=1' }, /train\.set: 'training\.seed=1'; expected a list$/);
  refused({ out: 'a', resme: true }, /train: unknown option "resme"; expected .*\. Did you mean resume\?$/);
  refused({ out: '' }, /train\.out: ''; expected non-empty text$/);
  refused(undefined, /^DecadeError: train: nothing; expected a section$/);
  requireTrainOptions({ out: 'a', devices: 2, gemm: 'onednn', signal: new AbortController().signal, onEvent: () => undefined });
});

test('what is loaded is a run or several', () => {
  assert.throws(() => requireLoadOptions(undefined, {}), /^DecadeError: load\.runs: nothing; expected text or a list$/);
  assert.throws(() => requireLoadOptions([], {}), /^DecadeError: load\.runs: \[\]/);
  assert.throws(() => requireLoadOptions('run', { devices: 'two' }), /^DecadeError: load\.devices: 'two'; expected a number$/);
  requireLoadOptions(['a', 'b'], { devices: 1 });
});

test('options that do not go together are told in the words of the library', () => {
  assert.throws(() => resolveDecodingOptions({ beam: 5, nbest: 10 }), /decoding options\.nbest: 10; expected at most the beam size, 5$/);
});
