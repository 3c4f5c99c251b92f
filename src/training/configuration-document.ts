import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { DecadeError } from '../core/errors.js';

/** Keys from the top of a configuration to a value. */
export type KeyPath = readonly PropertyKey[];

/** A configuration's text, which knows the line of every key. */
export class ConfigurationDocument {
  readonly #document: Document;
  readonly #lines: LineCounter;
  /** Overrides as they were given, by the key path they set. */
  readonly #overrides = new Map<string, string>();

  private constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /** Throws `usage` for what is not YAML. */
  static parse(text: string, where: string): ConfigurationDocument {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) {
      const line = lines.linePos(error.pos[0]).line;
      throw new DecadeError('usage', {
        where: `${where}: line ${line}`,
        received: error.message.split('\n')[0] ?? '',
        allowed: 'YAML',
        cause: error,
      });
    }
    if (!isMap(document.contents)) {
      const received = document.contents === null ? 'an empty file' : 'YAML that is not keys with values';
      throw new DecadeError('usage', { where, received, allowed: 'a configuration', next: 'see recipes/ for examples' });
    }
    return new ConfigurationDocument(document, lines);
  }

  get value(): unknown {
    return this.#document.toJS();
  }

  /** Sets `key.path=value`. Throws `usage` for what does not read so. */
  override(override: string): void {
    const [, path, text] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(override) ?? [];
    const where = `--set ${override}`;
    if (path === undefined || text === undefined) {
      throw new DecadeError('usage', {
        where,
        received: 'no key and value',
        allowed: 'key.path=value',
        next: 'for example --set training.seed=2',
      });
    }
    const value = parseDocument(text, { prettyErrors: false });
    if (value.errors.length > 0) {
      throw new DecadeError('usage', {
        where,
        received: `${JSON.stringify(text)}, which is not YAML`,
        allowed: 'a value',
        next: 'put it in quotes',
      });
    }
    const keys = path.split('.').map((key) => (/^\d+$/.test(key) ? Number(key) : key));
    try {
      this.#document.setIn(keys, value.contents);
    } catch (cause) {
      throw new DecadeError('usage', {
        where,
        received: 'a key below a value that has no keys',
        allowed: 'a key path of the configuration',
        cause,
      });
    }
    this.#overrides.set(keys.join('.'), override);
  }

  /** The override that set a value, if one did. */
  overrideOf(path: KeyPath): string | undefined {
    for (let length = path.length; length > 0; length--) {
      const override = this.#overrides.get(path.slice(0, length).join('.'));
      if (override !== undefined) return override;
    }
    return undefined;
  }

  /** Where a value stands, or where it is missing: `line 12`, or the override that set it. */
  place(path: KeyPath): string {
    const override = this.overrideOf(path);
    if (override !== undefined) return `--set ${override}`;
    for (let length = path.length; length > 0; length--) {
      const parent = this.#document.getIn(path.slice(0, length - 1), true);
      const pair = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && key.value === path[length - 1])?.key
        : this.#document.getIn(path.slice(0, length), true);
      if (isNode(pair) && pair.range) return `line ${this.#lines.linePos(pair.range[0]).line}`;
    }
    return 'line 1';
  }
}
