import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationOf } from '../../src/training/configuration.js';
import { requireResumable } from '../../src/training/configuration-changes.js';

const configuration = (size: number, hidden = 8) =>
  configurationOf({
    version: 1,
    data: { train: { tsv: 'train.tsv' } },
    tokenizer: { kind: 'bpe', size },
    model: { kind: 'lstm', hidden },
  });

test('who resumes with another tokenizer is told that a run of --init has that of the other run', () => {
  requireResumable(configuration(300), configuration(300), 'run');
  assert.throws(
    () => requireResumable(configuration(300), configuration(400), 'run'),
    /run, resuming: tokenizer\.size 400 \(was 300\).*name it again with --init/,
  );
  assert.throws(
    () => requireResumable(configuration(300), configuration(400, 9), 'run'),
    /Undo the change, or start a new run with --init/,
  );
});
