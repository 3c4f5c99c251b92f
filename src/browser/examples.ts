import { DecadeError } from '../core/errors.js';
import { type ItemKind, requireList } from '../core/lists.js';
import { shownValue } from '../core/visible-text.js';
import type { ConfigurationInput } from '../training/configuration.js';
import type { RunFiles } from './requests.js';

/** Sentence pairs for a translator, or documents for a language model. */
export type Examples = readonly (readonly [source: string, target: string])[] | readonly string[];
/** Examples that decade makes, as in a configuration file. */
export type GeneratedExamples = Extract<ConfigurationInput['data']['train'], { readonly generator: string }>;

/** Examples of a configuration, as files. */
export interface WrittenExamples {
  readonly configuration: object;
  readonly data: RunFiles;
}

const pair: ItemKind = {
  is: (item) => Array.isArray(item) && item.length === 2 && item.every((side) => typeof side === 'string'),
  name: 'pairs, [source, target]',
};
const document: ItemKind = { is: (item) => typeof item === 'string', name: 'documents' };

/**
 * A configuration that names files, and the files, for one that holds the examples themselves.
 *
 * @throws DecadeError `usage` for what are no examples, with the number of the first that is none
 */
export function writtenExamples(given: { readonly data: { readonly train: unknown; readonly dev?: unknown } }): WrittenExamples {
  if (typeof given !== 'object' || given === null || typeof given.data !== 'object' || given.data === null) {
    throw new DecadeError('usage', { where: 'configuration', received: shownValue(given), allowed: 'a record with data.train' });
  }
  const data = new Map<string, Blob>();
  const { train, dev, ...others } = given.data;
  const placed = {
    ...others,
    train: source('train', train, data),
    ...(dev !== undefined && { dev: source('dev', dev, data) }),
  };
  return { configuration: { version: 1, ...given, data: placed }, data };
}

function source(part: 'train' | 'dev', examples: unknown, data: Map<string, Blob>): object {
  const where = `data.${part}`;
  if (!Array.isArray(examples)) {
    if (typeof examples === 'object' && examples !== null && 'generator' in examples) return examples;
    const allowed = 'a list of pairs or documents, or { generator }';
    throw new DecadeError('usage', { where, received: shownValue(examples), allowed, next: 'a page has no files: give their contents' });
  }
  const write = (name: string, text: string) => {
    data.set(`data/${name}`, new Blob([text]));
    return `data/${name}`;
  };
  if (typeof examples[0] === 'string') {
    requireList(where, examples, document);
    return { text: examples.map((text: string, index) => write(`${part}-${index + 1}.txt`, text)), documents: 'file' };
  }
  requireList(where, examples, pair);
  const side = (index: 0 | 1) => examples.map((each: readonly string[]) => `${oneLine(each[index] ?? '')}\n`).join('');
  return { source: write(`${part}.source`, side(0)), target: write(`${part}.target`, side(1)) };
}

/** A sentence is a line. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
