import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { configurationOf, printConfiguration, resolveConfiguration, tokenizerOptionsOf } from '../../src/training/configuration.js';

const design = `version: 1
data:
  source: en
  target: fr
  train: { source: train.en, target: train.fr }
  dev:   { source: dev.en, target: dev.fr }
tokenizer: { kind: bpe, size: 8000 }
model: { kind: lstm, layers: 2, hidden: 512, embedding: 512, reverseSource: true, attention: none, dropout: 0.2 }
training:
  optimizer: { kind: sgd, learningRate: 0.7 }
  schedule: { kind: halve, after: { epochs: 5 }, every: { epochs: 0.5 } }
  clip: { kind: norm, max: 5 }
  batch: { sentences: 128 }
  stop: { epochs: 7.5 }
  validate: { every: { steps: 1000 }, metrics: [perplexity, bleu], patience: 10 }
`;

const minimal = 'version: 1\ndata: { train: { tsv: train.tsv } }\n';

/** The message for a configuration that is wrong. */
function refusal(text: string, ...overrides: string[]): string {
  try {
    resolveConfiguration(text, 'c.yaml', overrides);
  } catch (error) {
    assert.ok(error instanceof DecadeError && error.kind === 'usage', String(error));
    return error.message;
  }
  return assert.fail('nothing was refused');
}

test("the design's configuration resolves, with paths relative to its file", () => {
  const { data, training, tokenizer } = resolveConfiguration(design, '/home/me/runs/c.yaml');
  assert.deepEqual(data.train, { source: '/home/me/runs/train.en', target: '/home/me/runs/train.fr' });
  assert.deepEqual(data.dev, { source: '/home/me/runs/dev.en', target: '/home/me/runs/dev.fr' });
  assert.deepEqual(training.schedule, { kind: 'halve', after: { epochs: 5 }, every: { epochs: 0.5 } });
  assert.deepEqual(training.validate, { every: { steps: 1000 }, metrics: ['perplexity', 'bleu'], patience: 10, beam: 1 });
  assert.equal(training.normalise, 'sentences');
  assert.deepEqual(tokenizerOptionsOf(tokenizer, 'source'), tokenizerOptionsOf(tokenizer, 'target'));
});

test('defaults fill in the rest, and absolute paths stay', () => {
  const { model, training, data } = resolveConfiguration('version: 1\ndata: { train: { tsv: /data/train.tsv } }', 'c.yaml');
  assert.deepEqual(data.train, { tsv: '/data/train.tsv' });
  assert.ok(model.kind === 'lstm');
  assert.equal(model.hidden, 512);
  assert.deepEqual(training.batch, { sentences: 128 });
  assert.equal(training.validate, undefined);
  assert.equal(resolveConfiguration(minimal, 'c.yaml', ['training.optimizer.kind=adam']).training.normalise, 'tokens');
  assert.deepEqual(resolveConfiguration(minimal, 'c.yaml', ['data.dev={ tsv: d }']).training.validate?.every, { epochs: 1 });
});

test('the printed configuration reads back as the same', () => {
  for (const text of [
    design,
    minimal,
    'version: 1\ndata: { train: { generator: "intl:en-fr" } }\ntokenizer: { kind: word, sourceSize: 160000, targetSize: 80000 }',
  ]) {
    const resolved = resolveConfiguration(text, '/a/c.yaml');
    assert.deepEqual(resolveConfiguration(printConfiguration(resolved), '/b/config.yaml'), resolved);
  }
});

test('a value made by a program resolves as a file does', () => {
  const made = configurationOf({ version: 1, data: { train: { tsv: 'train.tsv' } } }, (path) => `/data/${path}`);
  assert.deepEqual(made, resolveConfiguration(minimal, '/data/c.yaml'));
  assert.throws(
    () => configurationOf({ version: 1, data: { train: { tsv: '' } } }),
    /configuration: data\.train\.tsv: ''; expected non-empty text/,
  );
});

test('the optimizer that is meant where none is named depends on the network, wherever that is chosen', () => {
  const optimizerOf = (...overrides: string[]) => {
    const { kind, learningRate } = resolveConfiguration(minimal, 'c.yaml', overrides).training.optimizer;
    return [kind, learningRate];
  };
  assert.deepEqual(optimizerOf(), ['sgd', 0.7]);
  assert.deepEqual(optimizerOf('model.kind=transformer'), ['adam', 0.001]);
  assert.deepEqual(optimizerOf('training.optimizer.learningRate=0.002', 'model.kind=transformer'), ['adam', 0.002]);
  assert.deepEqual(optimizerOf('model.kind=transformer', 'training.optimizer.kind=sgd'), ['sgd', 0.7]);
});

test('overrides replace and add values, typed as in YAML', () => {
  const { training, model, data } = resolveConfiguration(design, 'c.yaml', [
    'training.optimizer.learningRate=0.5',
    'training.schedule={ kind: constant }',
    'model.dropout=0',
    'data.source=no',
    'training.validate.metrics.0=chrf',
  ]);
  assert.equal(training.optimizer.learningRate, 0.5);
  assert.deepEqual(training.schedule, { kind: 'constant' });
  assert.ok(model.kind === 'lstm');
  assert.deepEqual([model.dropout, data.source, training.validate?.metrics], [0, 'no', ['chrf', 'bleu']]);
});

test('a relative path in an override starts from the current directory', () => {
  const { data } = resolveConfiguration(design, '/recipes/c.yaml', ['data.train.source=my/train.en', 'data.dev={ tsv: my/dev.tsv }']);
  assert.deepEqual(data.train, { source: 'my/train.en', target: '/recipes/train.fr' });
  assert.deepEqual(data.dev, { tsv: 'my/dev.tsv' });
  const texts = `version: 1\ndata: { train: { text: [one.txt, two.txt] } }\ntokenizer: { kind: bytes }\n`;
  const { train } = resolveConfiguration(texts, '/recipes/c.yaml', ['data.train.text.1=my/two.txt']).data;
  assert.deepEqual('text' in train && train.text, ['/recipes/one.txt', 'my/two.txt']);
});

test('paths are kept as they are called from anywhere', () => {
  const fromHome = (path: string) => (path.startsWith('/') ? path : `/home/${path}`);
  const { data } = resolveConfiguration(minimal, 'runs/c.yaml', ['data.dev={ tsv: dev.tsv }'], fromHome);
  assert.deepEqual(data.train, { tsv: '/home/runs/train.tsv' });
  assert.deepEqual(data.dev, { tsv: '/home/dev.tsv' });
});

test('word vocabularies have a size a side, byte pairs one for both', () => {
  const { tokenizer } = resolveConfiguration(minimal, 'c.yaml', ['tokenizer={ kind: word, sourceSize: 160000, targetSize: 80000 }']);
  assert.equal(tokenizer.shared, false);
  assert.deepEqual(tokenizerOptionsOf(tokenizer, 'source'), {
    kind: 'word',
    lowercase: false,
    split: 'punctuation',
    minimumCount: 1,
    size: 160000,
  });
  assert.deepEqual(tokenizerOptionsOf(tokenizer, 'target'), {
    kind: 'word',
    lowercase: false,
    split: 'punctuation',
    minimumCount: 1,
    size: 80000,
  });
  assert.equal(resolveConfiguration(minimal, 'c.yaml').tokenizer.shared, true);
  assert.match(
    refusal(minimal, 'tokenizer={ kind: bpe, shared: true, sourceSize: 900 }'),
    /--set tokenizer=.*: tokenizer\.shared: true: cannot be combined with sourceSize/,
  );
});

const mistakes: Record<string, [text: string, message: RegExp]> = {
  'an unknown key, with the nearest': [
    design.replace('layers', 'layrs'),
    /^c\.yaml: line 8: model\.layrs: unknown key\. Did you mean 'layers'\?$/,
  ],
  'an unknown key that is like none': [
    design.replace('seed', 'x').replace('clip:', 'gradient:'),
    /^c\.yaml: line 12: training\.gradient: unknown key; expected one of optimizer, schedule,/,
  ],
  'an unknown key at the top': [`${minimal}modle: {}\n`, /^c\.yaml: line 3: modle: unknown key\. Did you mean 'model'\?$/],
  'a wrong type': [design.replace('hidden: 512', 'hidden: many'), /^c\.yaml: line 8: model\.hidden: 'many'; expected a number$/],
  'a fraction for an integer': [design.replace('layers: 2', 'layers: 2.5'), /^c\.yaml: line 8: model\.layers: 2\.5; expected an integer$/],
  'a number that is too large': [
    design.replace('dropout: 0.2', 'dropout: 1'),
    /^c\.yaml: line 8: model\.dropout: 1; expected a number of less than 1$/,
  ],
  'a number that is too small': [
    design.replace('layers: 2', 'layers: 0'),
    /^c\.yaml: line 8: model\.layers: 0; expected a number of at least 1$/,
  ],
  'an unknown kind': [
    design.replace('kind: lstm', 'kind: lsmt'),
    /^c\.yaml: line 8: model\.kind: 'lsmt'; expected one of lstm, transformer, ngram, phrase\. Did you mean 'lstm'\?$/,
  ],
  'a missing kind': [
    design.replace('kind: halve, ', ''),
    /^c\.yaml: line 11: training\.schedule\.kind: nothing; expected one of constant, halve, inverse-square-root, cosine$/,
  ],
  'an unknown choice': [
    design.replace('attention: none', 'attention: dott'),
    /^c\.yaml: line 8: model\.attention: 'dott'; expected one of none, dot, additive\. Did you mean 'dot'\?$/,
  ],
  'a missing key': ['version: 1\nmodel: { kind: lstm }\n', /^c\.yaml: line 1: data: nothing; expected a section$/],
  'another version': [minimal.replace('1', '2'), /^c\.yaml: line 1: version: 2; expected 1$/],
  'an interval without a unit': [
    design.replace('{ steps: 1000 }', '1000'),
    /^c\.yaml: line 15: training\.validate\.every: 1000; expected a section$/,
  ],
  'an interval of two units': [
    design.replace('{ steps: 1000 }', '{ steps: 5, epochs: 1 }'),
    /^c\.yaml: line 15: training\.validate\.every: .*needs one unit: \{ steps: NUMBER \} or/,
  ],
  'an unknown unit': [
    design.replace('{ steps: 1000 }', '{ step: 5 }'),
    /^c\.yaml: line 15: training\.validate\.every\.step: unknown key\. Did you mean 'steps'\?$/,
  ],
  'an unknown metric': [
    design.replace('[perplexity, bleu]', '[perplexity, blue]'),
    /^c\.yaml: line 15: training\.validate\.metrics\.1: 'blue'; expected one of perplexity, bleu.*Did you mean 'bleu'\?$/,
  ],
  'a key of another kind': [
    design.replace('learningRate: 0.7', 'beta1: 0.9'),
    /^c\.yaml: line 10: training\.optimizer\.beta1: only for kind: adam\. Remove it, or set kind: adam$/,
  ],
  'the placement of a pipeline beside another strategy': [
    `${minimal}training:\n  parallel: { strategy: data, placement: { layers: [0], vocabulary: [1] } }\n`,
    /^c\.yaml: line 4: training\.parallel\.placement: only for strategy: pipeline\. Remove it, or set strategy: pipeline$/,
  ],
  'validation without a dev corpus': [
    `${minimal}training:\n  validate: { patience: 3 }\n`,
    /^c\.yaml: line 4: training\.validate: .*needs data\.dev$/,
  ],
  'options that do not go together': [
    design.replace('reverseSource: true', 'inputFeeding: true'),
    /^c\.yaml: line 8: model\.inputFeeding: true: needs attention/,
  ],
  'an average of more than is kept': [
    `${minimal}training: { checkpoint: { keep: 2, average: 3 } }`,
    /^c\.yaml: line 3: training\.checkpoint\.average: 3: must be at most keep$/,
  ],
  'broken YAML': [design.replace('fr }', 'fr ]'), /^c\.yaml: line \d+: .*; expected YAML$/],
  'the same key twice': [`${minimal}version: 1\n`, /^c\.yaml: line 3: the key 'version' twice; expected it once$/],
  'an empty file': ['', /^c\.yaml: an empty file; expected a configuration/],
  'no keys': ['just text', /^c\.yaml: YAML that is not a mapping/],
};

for (const [name, [text, message]] of Object.entries(mistakes)) {
  test(`${name} is told with its line, what came and what is allowed`, () => assert.match(refusal(text), message));
}

test('a corpus is judged as the kind that it most resembles', () => {
  const message = refusal('version: 1\ndata:\n  train: { source: a.en, taget: a.fr }\n');
  assert.match(message, /^c\.yaml: 2 mistakes/);
  assert.match(message, /line 3: data\.train\.taget: unknown key; did you mean 'target'\?/);
  assert.match(refusal('version: 1\ndata:\n  train: { generator: "intl" }\n'), /data\.train\.generator: 'intl'; expected intl:FROM-TO/);
});

test('all mistakes are told at once, each on a line', () => {
  const lines = refusal(design.replace('layers: 2', 'layers: x').replace('patience: 10', 'patience: 0').replace('clip:', 'clipp:')).split(
    '\n',
  );
  assert.deepEqual(lines, [
    'c.yaml: 3 mistakes',
    "  line 8: model.layers: 'x'; expected a number",
    '  line 15: training.validate.patience: 0; expected a number of at least 1',
    "  line 12: training.clipp: unknown key; did you mean 'clip'?",
  ]);
});

test('a wrong override is told as it was given', () => {
  assert.match(refusal(design, 'model.hiden=3'), /^c\.yaml: --set model\.hiden=3: model\.hiden: unknown key\. Did you mean 'hidden'\?$/);
  assert.match(refusal(design, 'model.hidden'), /^--set model\.hidden: no key and value; expected key\.path=value/);
  assert.match(refusal(design, 'model.hidden.size=3'), /^--set model\.hidden\.size=3: a key below a value that is not a section/);
  assert.match(refusal(design, 'model.hidden=[3'), /^--set model\.hidden=\[3: Flow sequence must end with a \]; expected YAML/);
  assert.match(refusal(design, '__proto__.polluted=1'), /__proto__: unknown key/);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});
