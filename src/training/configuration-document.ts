import { DecadeError } from '../core/errors.js';
import { shortened } from '../core/visible-text.js';
import { isList, type PlacedKeys, type PlacedValue, readYaml } from './configuration-tree.js';

/** The keys from the root of a configuration to a value. */
export type KeyPath = readonly PropertyKey[];

/** What an override has to know about allowed keys. */
export interface KnownKeys {
  /** Whether a key expects text, which an override then takes literally. */
  expectsText(path: KeyPath): boolean;
  /** The default of an omitted section: `{ kind: sgd }`. */
  defaultOf(path: KeyPath): Readonly<Record<string, string>>;
}

/** The values of a configuration, each with its line, after overrides. */
export class ConfigurationDocument {
  #top: PlacedValue;

  private constructor(top: PlacedValue) {
    this.#top = top;
  }

  /**
   * `what`: what the text is to be, and where an example is.
   *
   * @throws DecadeError `usage` for invalid YAML, with its line
   */
  static parse(
    text: string,
    where: string,
    what = { allowed: 'a configuration', next: 'see recipes/ for examples' },
  ): ConfigurationDocument {
    const top = readYaml({ text, where: (line) => `${where}: line ${line}`, place: (line) => `line ${line}` });
    if (top?.content instanceof Map) return new ConfigurationDocument({ ...top, place: 'line 1' });
    const received = top === null || top.content === null ? 'an empty file' : 'YAML that is not a mapping';
    throw new DecadeError('usage', { where, received, ...what });
  }

  get value(): unknown {
    return plain(this.#top);
  }

  /**
   * Sets `key.path=value`; an item of a list is `key.0` or `key[0]`. Where text is expected, the value is everything
   * after the `=`, literally, unless it is in quotes; elsewhere it is parsed as YAML. Throws `usage` for invalid YAML.
   */
  override(override: string, known: KnownKeys): void {
    const where = overridePlace(override);
    const [, path, text] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(override) ?? [];
    if (path === undefined || text === undefined) {
      throw new DecadeError('usage', {
        where,
        received: 'no key and value',
        allowed: 'key.path=value',
        next: 'for example --set training.seed=2',
      });
    }
    const keys = path.replace(/\[(\d+)\]/g, '.$1').split('.');
    const value = known.expectsText(keys) && !isQuoted(text) ? { place: where, content: text, size: 1 } : yamlValue(text, where);
    this.#top = replaced(this.#top, keys, value, { where, known });
  }

  /** Whether an override set a value. */
  isOverridden(path: KeyPath): boolean {
    return this.place(path).startsWith(overridePrefix);
  }

  /** The place of a value, or where it is missing: `line 12`, or the override that set it. */
  place(path: KeyPath): string {
    let at = this.#top;
    for (const key of path) {
      const next: PlacedValue | undefined =
        at.content instanceof Map ? at.content.get(String(key)) : isList(at.content) ? at.content[Number(key)] : undefined;
      if (next === undefined) break;
      at = next;
    }
    return at.place;
  }
}

const overridePrefix = '--set ';

/** What a value is placed at that an override set. */
function overridePlace(override: string): string {
  return `${overridePrefix}${shortened(override, 120)}`;
}

function isQuoted(text: string): boolean {
  return /^\s*(".*"|'.*')\s*$/s.test(text);
}

function yamlValue(text: string, where: string): PlacedValue {
  const value = { place: where, content: null, size: 1 };
  const comment = /(^|\s)#/.test(text) ? "; a # after a space starts a comment; quote the value to keep it: '…#…'" : '';
  try {
    const read = readYaml({ text, where: () => where, place: () => where }) ?? value;
    if (comment === '' || hasHash(read)) return read;
  } catch (error) {
    if (!(error instanceof DecadeError)) throw error;
    throw new DecadeError('usage', { ...error.parts, next: `${error.parts.next ?? 'put text in quotes'}${comment}`, cause: error });
  }
  throw new DecadeError('usage', { where, received: 'a comment in a value', allowed: 'a value', next: comment.slice(2) });
}

/** Whether a # was read as text; otherwise what followed it was taken for a comment. */
function hasHash({ content }: PlacedValue): boolean {
  if (content instanceof Map) return [...content].some(([key, value]) => key.includes('#') || hasHash(value));
  if (isList(content)) return content.some(hasHash);
  return typeof content === 'string' && content.includes('#');
}

interface Overriding {
  readonly where: string;
  readonly known: KnownKeys;
}

/** The tree with another value at the end of a path; sections that are missing on the way begin as their defaults. */
function replaced(at: PlacedValue, path: readonly string[], value: PlacedValue, { where, known }: Overriding, depth = 0): PlacedValue {
  const key = path[depth];
  if (key === undefined) return value;
  const { content } = at;
  const below = (inner: PlacedValue | undefined) => {
    const isSection = inner?.content === undefined || inner.content === null;
    const section = isSection && depth + 1 < path.length ? sectionOf(known.defaultOf(path.slice(0, depth + 1)), where) : inner;
    return replaced(section ?? { place: where, content: null, size: 1 }, path, value, { where, known }, depth + 1);
  };
  if (isList(content)) {
    const index = /^\d+$/.test(key) ? Number(key) : Number.NaN;
    if (!(index <= content.length)) {
      throw new DecadeError('usage', {
        where,
        received: `item '${shortened(key)}' of a list of ${content.length}`,
        allowed: content.length === 0 ? '0, which appends' : `0 to ${content.length - 1}, or ${content.length}, which appends`,
      });
    }
    const changed = [...content];
    changed[index] = below(content[index]);
    return { ...at, content: changed };
  }
  if (content !== null && !(content instanceof Map)) {
    throw new DecadeError('usage', {
      where,
      received: 'a key below a value that is not a section',
      allowed: 'a path of the configuration',
    });
  }
  const inner: PlacedKeys = content ?? new Map();
  return { ...at, content: new Map([...inner, [key, below(inner.get(key))]]) };
}

function sectionOf(values: Readonly<Record<string, string>>, where: string): PlacedValue {
  const entries = Object.entries(values).map(([key, content]): [string, PlacedValue] => [key, { place: where, content, size: 1 }]);
  return { place: where, content: new Map(entries), size: 1 + entries.length };
}

function plain({ content }: PlacedValue): unknown {
  if (content instanceof Map) return Object.fromEntries(Array.from(content, ([key, value]) => [key, plain(value)]));
  if (isList(content)) return content.map(plain);
  return content;
}
