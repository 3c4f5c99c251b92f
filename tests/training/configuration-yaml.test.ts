import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { resolveConfiguration } from '../../src/training/configuration.js';

const minimal = 'version: 1\ndata: { train: { tsv: train.tsv } }\n';

function refusal(text: string): string {
  try {
    resolveConfiguration(text, 'c.yaml');
  } catch (error) {
    assert.ok(error instanceof DecadeError && error.kind === 'usage', String(error));
    return error.message;
  }
  return assert.fail('nothing was refused');
}

test('anchors, aliases and merge keys mean what YAML says', () => {
  const { data } = resolveConfiguration(
    `version: 1
data:
  train: &made { generator: digits:copy, pairs: 40, seed: 3 }
  dev: { <<: *made, split: dev, seed: 4 }
`,
    'c.yaml',
  );
  assert.deepEqual(data.dev, { generator: 'digits:copy', pairs: 40, split: 'dev', seed: 4, heldOut: 400 });
  const listed = resolveConfiguration(
    `version: 1
data:
  train: &made { generator: digits:copy, seed: 3 }
  dev: { <<: [{ seed: 5 }, *made], split: dev }
`,
    'c.yaml',
  );
  assert.equal('seed' in (listed.data.dev ?? {}) && (listed.data.dev as { seed: number }).seed, 5, 'the earlier source wins');
});

test('an override changes what it names, not what shares an anchor with it', () => {
  const text = 'version: 1\ndata:\n  train: &a { generator: digits:copy, seed: 3 }\n  dev: *a\n';
  const { data } = resolveConfiguration(text, 'c.yaml', ['data.dev.seed=9', 'data.dev.split=dev']);
  assert.deepEqual(
    [data.train, data.dev].map((part) => (part as { seed: number }).seed),
    [3, 9],
  );
});

test('a mistake behind an alias is told with the line where it is written', () => {
  const text = 'version: 1\ndata:\n  train: &a { generator: digits:copy, pairz: 3 }\n  dev: *a\n';
  assert.match(refusal(text), /line 3: data\.train\.pairz.*\n.*line 3: data\.dev\.pairz/);
});

const mistakes: Record<string, [text: string, message: RegExp]> = {
  'an alias without an anchor': [
    `${minimal}model: *base\n`,
    /^c\.yaml: line 3: the alias \*base; expected an anchor &base before it\. To write/,
  ],
  'an alias within its own anchor': ['version: 1\ndata: &d { train: *d }\n', /^c\.yaml: line 2: the alias \*d within its own anchor &d/],
  'a merge key within its own anchor': ['version: 1\ndata: &d { <<: *d }\n', /^c\.yaml: line 2: the alias \*d within/],
  'a merge of what has no keys': [`${minimal}model: { <<: 3 }\n`, /^c\.yaml: line 3: the merge key << with something else than keys/],
  'a merge key twice': [`${minimal}model: { <<: {}, <<: {} }\n`, /^c\.yaml: line 3: the key '<<' twice/],
  'a key twice': [`${minimal}data: {}\n`, /^c\.yaml: line 3: the key 'data' twice; expected it once$/],
  'a tag': [`${minimal}model: !!binary aGVsbG8=\n`, /^c\.yaml: line 3: the tag !!binary; expected plain values/],
  'a second document': [`${minimal}---\n${minimal}`, /^c\.yaml: line 3: a second document \(after ---\); expected one$/],
  'a tab for spaces': ['version: 1\ndata:\n\ttrain: x\n', /^c\.yaml: line 3: Tabs are not allowed/],
  'a list as a key': [`${minimal}? [a, b]\n: 1\n`, /^c\.yaml: line 3: a key that is not text/],
  'a number as a key': [`${minimal}1: 2\n`, /^c\.yaml: line 3: 1: unknown key/],
  'an infinite number': [`${minimal}model: { kind: lstm, hidden: 1e400 }\n`, /line 3: model\.hidden: Infinity; expected/],
  'no number': [`${minimal}training: { clip: { kind: norm, max: .nan } }\n`, /line 3: training\.clip\.max: NaN; expected a number$/],
  'a number where text is expected': [
    'version: 1\ndata: { train: { tsv: 12 } }',
    /data\.train\.tsv: 12; expected text\. Put it in quotes$/,
  ],
  'an escape sequence': [`${minimal}"\\e[31mred\\n": 1\n`, /^c\.yaml: line 3: \\u001b\[31mred\\n: unknown key/],
  '41 levels': [`a: ${'['.repeat(50)}${']'.repeat(50)}`, /^c\.yaml: line 1: values nested too deeply/],
  'levels without end': [`a: ${'['.repeat(60_000)}`, /^c\.yaml: line 1: values nested too deeply/],
};

for (const [name, [text, message]] of Object.entries(mistakes)) {
  test(`${name} is told with its line`, () => assert.match(refusal(text), message));
}

test('aliases that repeat each other without end are refused at once', () => {
  const levels = ['b a', 'c b', 'd c', 'e d', 'f e', 'g f', 'h g', 'i h'].map((pair) => {
    const [name, of] = pair.split(' ');
    return `${name}: &${name} [${Array(9).fill(`*${of}`).join(', ')}]`;
  });
  assert.match(refusal(`version: 1\na: &a [x, x]\n${levels.join('\n')}\n`), /line \d+: more than 20,000 values, aliases written out/);
});

test('of thousands of mistakes twenty are told, each on a line of its own', () => {
  const keys = Array.from({ length: 15_000 }, (_, index) => `unknown${index}: 1`);
  const started = performance.now();
  const lines = refusal(`${minimal}${keys.join('\n')}\n`).split('\n');
  assert.equal(lines[0], 'c.yaml: 15,000 mistakes');
  assert.equal(lines.length, 22);
  assert.equal(lines.at(-1), '  and 14,980 more');
  // A comparison of each key with each takes minutes.
  assert.ok(performance.now() - started < 20_000);
});

test('a key is never suggested for itself', () => {
  const text = 'version: 1\ndata: { train: { tsv: a, source: b, target: c } }\n';
  for (const line of refusal(text).split('\n')) {
    const [, key, suggested] = /\.(\w+): unknown key.*'(\w+)'/.exec(line) ?? [];
    assert.ok(key === undefined || key !== suggested, line);
  }
});
