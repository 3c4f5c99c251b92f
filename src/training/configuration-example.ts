import { stringify } from 'yaml';
import * as z from 'zod';
import { type ConfigurationInput, configurationSchema } from './configuration.js';

/** Where comments begin, and where they wrap. */
const commentColumn = 36;
const width = 120;

const heading = `\
# Every option of a decade configuration, with its default. Options without a default are commented out, and so are
# the alternatives to a kind ("Or:"). Fill in the data paths and change what you need; the rest can be deleted.
`;

/** What a configuration has to say; everything else has a default. */
const required: ConfigurationInput = {
  version: 1,
  data: {
    source: 'en',
    target: 'fr',
    train: { source: 'train.en', target: 'train.fr' },
    dev: { source: 'dev.en', target: 'dev.fr' },
  },
  training: { validate: {} },
};

/** An annotated configuration (YAML) with every option, generated from the schema. It resolves to the defaults. */
export function exampleConfiguration(): string {
  const schema = z.toJSONSchema(configurationSchema, { io: 'input' }) as Schema;
  const sections = new Printer().keys(schema, required, { indent: 0, isComment: false });
  return `${heading}${sections.join('\n')}\n`;
}

/** What is read of JSON Schema. */
interface Schema {
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  /** Shown for an option without a default. */
  readonly example?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

type Values = Readonly<Record<string, unknown>>;

interface Place {
  readonly indent: number;
  /** Whether the lines are commented out, from this many spaces on. */
  readonly isComment: false | number;
}

class Printer {
  /** Alternatives are printed where they first occur: `dev` has those of `train`. */
  readonly #alternatives = new Set<string>();

  /** The lines of a section's keys. */
  keys(schema: Schema, values: Values, place: Place): string[] {
    const lines = Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => this.#key(key, inner, values[key], place));
    return place.indent === 0 ? lines.map((line) => (/^\w/.test(line) ? `\n${line}` : line)) : lines;
  }

  #key(key: string, schema: Schema, given: unknown, place: Place): string[] {
    const value = given ?? schema.default ?? schema.const;
    const isComment = value === undefined && place.isComment === false ? place.indent : place.isComment;
    const here = { ...place, isComment };
    if (!isSection(schema)) return [...line(`${key}: ${inline(value ?? schema.example)}`, comment(schema), here)];
    const below = { ...here, indent: place.indent + 2 };
    return [...line(`${key}:`, comment(schema), here), ...this.#section(schema, (value ?? {}) as Values, below)];
  }

  /** The keys of a section; after those of the alternative that its values choose, those of the others. */
  #section(schema: Schema, values: Values, place: Place): string[] {
    const alternatives = alternativesOf(schema);
    const chosen = alternatives.find((alternative) => accepts(alternative, values)) ?? schema;
    const lines = this.keys(chosen, values, place);
    const printed = new Set(Object.entries(chosen.properties ?? {}).map(fingerprint));
    for (const alternative of alternatives) {
      const text = JSON.stringify(alternative);
      if (alternative === chosen || this.#alternatives.has(text)) continue;
      this.#alternatives.add(text);
      const others = Object.entries(alternative.properties ?? {})
        .filter((entry) => !printed.has(fingerprint(entry)))
        .map(([key, inner], index): [string, Schema] => [key, index === 0 ? { ...inner, description: `Or: ${inner.description}` } : inner]);
      const isComment = place.isComment === false ? place.indent : place.isComment;
      lines.push(...this.keys({ properties: Object.fromEntries(others) }, {}, { ...place, isComment }));
    }
    return lines;
  }
}

function alternativesOf({ oneOf, anyOf = [] }: Schema): readonly Schema[] {
  return oneOf ?? anyOf;
}

/** Whether a place has keys of its own to explain. An interval, `{ epochs: 1 }`, is a value. */
function isSection(schema: Schema): boolean {
  const properties = Object.values(schema.properties ?? {});
  return properties.some(({ description }) => description !== undefined) || alternativesOf(schema).some(isSection);
}

function accepts({ properties = {} }: Schema, values: Values): boolean {
  return Object.entries(values).every(([key, value]) => {
    const schema = properties[key];
    return schema !== undefined && (schema.const === undefined || schema.const === value);
  });
}

/** Options of two alternatives that differ in nothing but their limits need explaining once. */
function fingerprint([key, { description, default: standard, const: constant }]: [string, Schema]): string {
  return JSON.stringify([key, description, standard, constant]);
}

function inline(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 })
    .trim()
    .replace(/^\[ (.*) ]$/, '[$1]');
}

/** What an option means, and in brackets the allowed values. */
function comment(schema: Schema): string {
  const allowed = allowedValues(schema);
  return [schema.description, ...(allowed === undefined ? [] : [`[${allowed}]`])].join(' ');
}

function allowedValues({ enum: values, items, minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema): string | undefined {
  if (values !== undefined) return values.join(' | ');
  if (items?.enum !== undefined) return items.enum.join(', ');
  const least = minimum === undefined ? exclusiveMinimum : minimum;
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : (maximum ?? exclusiveMaximum);
  const from = minimum === undefined ? 'above' : 'at least';
  const to = exclusiveMaximum === undefined ? 'at most' : 'below';
  if (least === undefined && most === undefined) return undefined;
  if (most === undefined) return `${from} ${figure(least)}`;
  if (minimum !== undefined && exclusiveMaximum === undefined) return `${figure(least)} to ${figure(most)}`;
  return `${from} ${figure(least)}, ${to} ${figure(most)}`;
}

function figure(value: number | undefined): string {
  return (value ?? 0).toLocaleString('en-US');
}

/** A line with its comment, which wraps within its column. */
function line(text: string, note: string, { indent, isComment }: Place): string[] {
  const start = isComment === false ? `${' '.repeat(indent)}${text}` : `${' '.repeat(isComment)}# ${' '.repeat(indent - isComment)}${text}`;
  const column = Math.max(commentColumn, start.length + 1);
  const rows = wrapped(note, width - commentColumn - 2);
  return rows.map((row, index) => `${index === 0 ? start.padEnd(column) : ' '.repeat(commentColumn)}# ${row}`);
}

function wrapped(text: string, columns: number): string[] {
  const rows: string[] = [];
  for (const word of text.match(/(?:\[[^\]]*]|{[^}]*}|[^\s])+/g) ?? []) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) rows[rows.length - 1] = `${last} ${word}`;
    else rows.push(word);
  }
  return rows;
}
