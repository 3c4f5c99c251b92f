import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { resolveConfiguration } from '../../src/training/configuration.js';

const text = `version: 1
data: { train: { source: a, target: b }, dev: { tsv: dev } }
model: { kind: lstm }
training: { validate: { metrics: [perplexity] } }
`;

const resolved = (...overrides: string[]) => resolveConfiguration(text, 'c.yaml', overrides);
function refusal(...overrides: string[]): string {
  try {
    resolved(...overrides);
  } catch (error) {
    assert.ok(error instanceof DecadeError && error.kind === 'usage', String(error));
    return error.message;
  }
  return assert.fail('nothing was refused');
}

test('where text is expected, an override is taken as it stands', () => {
  for (const path of [
    'my corpus #1.txt',
    '#hash first',
    '*.en',
    '&amp.en',
    'a: b',
    '{braces}',
    '[brackets',
    ' spaces around ',
    '@at',
    '%percent',
    '`backtick`',
    '!tag',
    '| pipe',
    '> more',
    '- dash',
    '? mark',
    "it's",
    'half "quoted" name',
    '"',
    "'",
    'tab\there',
    'line\nend',
    'x=y=z',
    'ünïcödé 漢字 🙂',
    'null',
    'true',
    '123',
    '~',
    '.en',
    '$HOME/x',
    'C:\\corpora\\new\\train.en',
    '\\\\server\\share\\train.en',
    '/a/b,c;d/e',
  ]) {
    assert.deepEqual(resolved(`data.train.source=${path}`).data.train, { source: path, target: 'b' }, path);
  }
});

test('text in quotes is read as YAML reads it', () => {
  const source = (value: string) => (resolved(`data.train.source=${value}`).data.train as { source: string }).source;
  assert.equal(source('"a\\tb #1"'), 'a\tb #1');
  assert.equal(source("'it''s'"), "it's");
  assert.equal(source(`"'quoted'"`), "'quoted'");
  assert.match(refusal('data.train.source="C:\\data\\train.en"'), /Invalid escape sequence \\d/);
});

test('everywhere else an override is YAML', () => {
  const { model } = resolved('model.hidden= 7 ');
  assert.equal(model.kind === 'lstm' && model.hidden, 7);
  assert.deepEqual(resolved('data.dev={ source: "a #1", target: b }').data.dev, { source: 'a #1', target: 'b' });
  assert.equal(resolved('tokenizer.kind= word').tokenizer.kind, 'word');
});

test('what YAML would drop as a comment is refused, with the reason', () => {
  assert.match(refusal('training.seed=2 # the second'), /--set training\.seed=2 # the second: a comment in a value/);
  assert.match(refusal('data.dev={ source: a #1, target: b }'), /a # after a space starts a comment; quote the value/);
  assert.match(refusal('model.hidden=#'), /a comment in a value/);
});

test('items of lists are set by their number, also a new last one', () => {
  assert.deepEqual(resolved('training.validate.metrics.1=bleu').training.validate?.metrics, ['perplexity', 'bleu']);
  assert.deepEqual(resolved('training.validate.metrics[0]=chrf').training.validate?.metrics, ['chrf']);
  assert.match(refusal('training.validate.metrics.5=bleu'), /item '5' of a list of 1; expected 0 to 0, or 1, which appends/);
  assert.match(refusal('training.validate.metrics.last=bleu'), /item 'last' of a list of 1/);
});

test('a section that is left out begins as its default', () => {
  const { training, tokenizer } = resolveConfiguration('version: 1\ndata: { train: { tsv: a } }\ntraining:\n', 'c.yaml', [
    'training.optimizer.learningRate=0.25',
    'training.clip.max=2',
    'tokenizer.size=900',
  ]);
  assert.deepEqual(training.optimizer, { kind: 'sgd', learningRate: 0.25 });
  assert.deepEqual([training.clip, tokenizer.kind, 'size' in tokenizer && tokenizer.size], [{ kind: 'norm', max: 2 }, 'bpe', 900]);
});

test('keys that are missing on the way are made, and mistakes name the override', () => {
  assert.equal(resolved('training.optimizer.kind=adam', 'training.optimizer.learningRate=0.5').training.optimizer.learningRate, 0.5);
  assert.match(refusal('model.hidden=*many'), /^--set model\.hidden=\*many: the alias \*many/);
  assert.match(refusal('training.seed=true'), /--set training\.seed=true: training\.seed: true; expected/);
  assert.match(refusal(`model.hidden=${'9'.repeat(10_000)}`), /^.{0,400}$/s);
});
