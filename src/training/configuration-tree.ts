import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
  type YAMLParseError,
} from 'yaml';
import { DecadeError } from '../core/errors.js';
import { shortened } from '../core/visible-text.js';

/** A value of a configuration with its place. Immutable, so aliases share the value that they refer to. */
export interface PlacedValue {
  /** `line 12`, or the override that set it. */
  readonly place: string;
  readonly content: PlacedKeys | readonly PlacedValue[] | string | number | boolean | null;
  /** The number of values in it, including itself; repetitions by aliases count again. */
  readonly size: number;
}
export type PlacedKeys = ReadonlyMap<string, PlacedValue>;

export function isList(content: PlacedValue['content']): content is readonly PlacedValue[] {
  return Array.isArray(content);
}

/** Where YAML stands and what it is called in messages. */
export interface YamlSource {
  readonly text: string;
  /** What an error names: `c.yaml: line 12`. */
  where(line: number): string;
  /** What a value is placed at: `line 12`. */
  place(line: number): string;
}

/** No configuration needs as many; a text with nested aliases may have more. */
const mostValues = 20_000;
const deepest = 40;

/** Reads YAML; null for a text without a value. Throws `usage` for invalid YAML and for features that no configuration needs. */
export function readYaml(source: YamlSource): PlacedValue | null {
  const lines = new LineCounter();
  let contents: ParsedNode | null;
  try {
    // Its own search for keys that stand twice compares each with each.
    const document = parseDocument(source.text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, schema: 'core' });
    const [error] = document.errors;
    if (error !== undefined) {
      const where = source.where(lines.linePos(error.pos[0]).line);
      throw new DecadeError('usage', { where, ...wordsFor(error), cause: error });
    }
    contents = document.contents;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new DecadeError('usage', { where: source.where(1), ...tooDeep, cause });
  }
  return contents === null ? null : new Reader(source, lines).read(contents, 0);
}

function wordsFor({ code, message }: YAMLParseError): { received: string; allowed: string } {
  if (code === 'MULTIPLE_DOCS') return { received: 'a second document (after ---)', allowed: 'one' };
  // What the parser makes of its own exhausted stack.
  if (message.startsWith('Maximum call stack')) return tooDeep;
  return { received: shortened(message.split('\n')[0] ?? '', 200), allowed: 'YAML' };
}

const tooDeep = { received: 'values nested too deeply', allowed: `at most ${deepest} levels` };

/** The tags of what YAML would read anyway; any other asks for something else than the text says. */
const plainTags = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

class Reader {
  readonly #source: YamlSource;
  readonly #lines: LineCounter;
  /** What anchors stand for so far; `open` while the reader is within it. */
  readonly #anchors = new Map<string, PlacedValue | 'open'>();

  constructor(source: YamlSource, lines: LineCounter) {
    this.#source = source;
    this.#lines = lines;
  }

  /** `at` is what the value is found by, its key; otherwise it stands where it begins. */
  read(node: ParsedNode, depth: number, at: ParsedNode = node): PlacedValue {
    if (depth > deepest) throw this.#mistake(node, tooDeep.received, tooDeep.allowed);
    if (isAlias(node)) return { ...this.#referred(node), place: this.#place(at) };
    const { anchor, tag } = node;
    if (tag !== undefined && tag !== '!' && !plainTags.includes(tag)) {
      throw this.#mistake(node, `the tag ${shortened(tag.replace(/^tag:yaml\.org,2002:/, '!!'))}`, 'plain values, without tags');
    }
    if (anchor !== undefined) this.#anchors.set(anchor, 'open');
    const content = this.#content(node, depth);
    const inner = content instanceof Map ? [...content.values()] : isList(content) ? content : [];
    const size = inner.reduce((sum, value) => sum + value.size, 1);
    if (size > mostValues)
      throw this.#mistake(node, `more than ${mostValues.toLocaleString('en-US')} values, aliases written out`, 'fewer');
    const value = { place: this.#place(at), content, size };
    if (anchor !== undefined) this.#anchors.set(anchor, value);
    return value;
  }

  #content(node: Exclude<ParsedNode, Alias>, depth: number): PlacedValue['content'] {
    if (isMap(node)) return this.#keys(node as YAMLMap.Parsed, depth);
    if (isSeq(node)) return node.items.map((item) => this.read(item as ParsedNode, depth + 1));
    const { value } = node;
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    throw this.#mistake(node, shortened(node.source), 'text, a number, true or false', 'put it in quotes');
  }

  #keys(map: YAMLMap.Parsed, depth: number): PlacedKeys {
    const keys = new Map<string, PlacedValue>();
    const merged: PlacedKeys[] = [];
    let merges = false;
    for (const { key, value } of map.items) {
      if (!isScalar(key)) throw this.#mistake(key, 'a key that is not text', 'the name of a key');
      const isMerge = key.type === 'PLAIN' && key.source === '<<';
      const name = key.source;
      if (keys.has(name) || (isMerge && merges)) throw this.#mistake(key, `the key '${shortened(name)}' twice`, 'it once');
      const read = value === null ? { place: this.#place(key), content: null, size: 1 } : this.read(value, depth + 1, key);
      if (isMerge) merged.push(...this.#mergeSources(key, read));
      else keys.set(name, read);
      merges ||= isMerge;
    }
    // A key of its own comes before merged ones, and an earlier source before a later one.
    for (const source of merged) for (const [name, value] of source) if (!keys.has(name)) keys.set(name, value);
    return keys;
  }

  #mergeSources(key: ParsedNode, { content }: PlacedValue): PlacedKeys[] {
    const sources = isList(content) ? content.map((item) => item.content) : [content];
    return sources.map((source) => {
      if (source instanceof Map) return source as PlacedKeys;
      throw this.#mistake(key, 'the merge key << with something else than keys', 'keys with values, as in << : *name');
    });
  }

  #referred(alias: Alias.Parsed): PlacedValue {
    const name = shortened(alias.source);
    const found = this.#anchors.get(alias.source);
    const quotes = 'to write text that begins with *, put it in quotes';
    if (found === undefined) throw this.#mistake(alias, `the alias *${name}`, `an anchor &${name} before it`, quotes);
    if (found === 'open') throw this.#mistake(alias, `the alias *${name} within its own anchor &${name}`, 'it after the anchor');
    return found;
  }

  #place(node: ParsedNode): string {
    return this.#source.place(this.#lineOf(node));
  }

  #lineOf({ range }: ParsedNode): number {
    return this.#lines.linePos(range[0]).line;
  }

  #mistake(node: ParsedNode, received: string, allowed: string, next?: string): DecadeError {
    return new DecadeError('usage', { where: this.#source.where(this.#lineOf(node)), received, allowed, ...(next && { next }) });
  }
}
