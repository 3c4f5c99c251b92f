import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import * as z from 'zod';
import { configurationOf, configurationSchema, resolveConfiguration } from '../../src/training/configuration.js';
import { exampleConfiguration } from '../../src/training/configuration-example.js';
import { repository } from '../house/sources.js';

const example = exampleConfiguration();
const where = 'example.yaml';

test('docs/configuration.yaml is the example: decade train --example > docs/configuration.yaml', () => {
  assert.equal(readFileSync(join(repository, 'docs', 'configuration.yaml'), 'utf8'), example);
});

test('the example resolves to the defaults', () => {
  const data = {
    source: 'en',
    target: 'fr',
    train: { source: 'train.en', target: 'train.fr' },
    dev: { source: 'dev.en', target: 'dev.fr' },
  };
  assert.deepEqual(resolveConfiguration(example, where), configurationOf({ version: 1, data }));
});

test('every option of the schema is in the example, with an explanation', () => {
  const missing = keysOf(z.toJSONSchema(configurationSchema, { io: 'input' })).filter(
    (key) => !new RegExp(`^ *(# +)?${key}: .*# \\S`, 'm').test(example) && !new RegExp(`{ ${key}: `).test(example),
  );
  assert.deepEqual(missing, []);
});

test('every line that is commented out can be used', () => {
  const used = commentedOut(example).map(({ path, value }) => {
    const override = `${path}=${JSON.stringify(value)}`;
    // A model of text is validated on text, and keeps its line ends; n-grams are of text only.
    const isOfText = path === 'model' && JSON.stringify(value).includes('"ngram"');
    const isText = typeof value === 'object' && value !== null && 'text' in value;
    const others = [
      ...(isOfText ? ['data.train={ text: [train.txt] }'] : []),
      ...(isText || isOfText ? ['data.dev={ text: [dev.txt] }', 'tokenizer={ kind: bytes }'] : []),
    ];
    assert.doesNotThrow(() => resolveConfiguration(example, where, [override, ...others]), override);
    return path;
  });
  for (const path of ['data.train', 'tokenizer', 'tokenizer.shared', 'training.parallel', 'training.validate.patience'])
    assert.ok(used.includes(path), path);
});

test('lines of the example are at most 120 characters long', () => {
  assert.deepEqual(
    example.split('\n').filter((line) => line.length > 120),
    [],
  );
});

function keysOf(schema: unknown): string[] {
  const {
    properties = {},
    oneOf = [],
    anyOf = [],
  } = schema as { properties?: Record<string, unknown>; oneOf?: unknown[]; anyOf?: unknown[] };
  return [...Object.keys(properties), ...[...Object.values(properties), ...oneOf, ...anyOf].flatMap(keysOf)];
}

interface Commented {
  readonly path: string;
  readonly value: unknown;
}

/** Options that are commented out, each with its path; alternatives to a section ("Or:") as the whole section. */
function commentedOut(text: string): Commented[] {
  const found: { path: string[]; isAlternative: boolean; lines: string[] }[] = [];
  let section: string[] = [];
  for (const line of text.split('\n')) {
    const live = /^( *)(\w+):/.exec(line);
    if (live !== null) section = [...section.slice(0, (live[1] ?? '').length / 2), live[2] ?? ''];
    const commented = /^( {0,8})# ( *)(\w+):/.exec(line);
    if (commented === null) continue;
    const [, indent = '', deeper = '', key = ''] = commented;
    const content = line.slice(indent.length + 2);
    const path = section.slice(0, indent.length / 2);
    const last = found.at(-1);
    const continues = last?.isAlternative && last.path.join('.') === path.join('.') && !content.includes('# Or: ');
    if (last !== undefined && (deeper !== '' || continues)) last.lines.push(content);
    else if (content.includes('# Or: ')) found.push({ path, isAlternative: true, lines: [content] });
    else found.push({ path: [...path, key], isAlternative: false, lines: [content] });
  }
  return found.map(({ path, isAlternative, lines }) => {
    const value: unknown = parse(lines.join('\n'));
    return { path: path.join('.'), value: isAlternative ? value : (value as Record<string, unknown>)[path.at(-1) ?? ''] };
  });
}
