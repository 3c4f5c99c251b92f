import type * as z from 'zod';
import type { KeyPath } from './configuration-document.js';

/** The keys that a schema allows at a path; among alternatives, those of the value's kind. */
export function keysAt(schema: z.core.$ZodType, path: KeyPath, value: unknown): string[] {
  const known = schemasAt(schema, path, value).flatMap((found) => (found.type === 'object' ? Object.keys(found.shape) : []));
  return [...new Set(known)];
}

/** The kinds of a section that have a key, of all that the schema knows: `strategy: pipeline`. */
export function kindsWith(schema: z.core.$ZodType, path: KeyPath, key: string): string[] {
  return schemasAt(schema, path, undefined).flatMap((found) => {
    if (found.type !== 'object' || !Object.hasOwn(found.shape, key)) return [];
    return Object.entries(found.shape).flatMap(([name, option]) => {
      const { def } = (option as z.core.$ZodTypes)._zod;
      return def.type === 'literal' && typeof def.values[0] === 'string' ? [`${name}: ${def.values[0]}`] : [];
    });
  });
}

/** Whether only text is allowed at a path, in every alternative that has it. */
export function expectsText(schema: z.core.$ZodType, path: KeyPath): boolean {
  const found = schemasAt(schema, path, undefined);
  return found.length > 0 && found.every(({ type }) => type === 'string');
}

/** The default of an omitted section, such as `{ kind: sgd }`. */
export function defaultOf(schema: z.core.$ZodType, path: KeyPath): Readonly<Record<string, string>> {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  const [key, ...rest] = path;
  if (key === undefined) {
    const given = def.type === 'prefault' ? Object.entries(def.defaultValue as object) : [];
    return Object.fromEntries(given.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  }
  if (def.type === 'pipe') return defaultOf(def.in, path);
  if (def.type === 'prefault' || def.type === 'default' || def.type === 'optional') return defaultOf(def.innerType, path);
  const inner = def.type === 'object' && Object.hasOwn(def.shape, key) ? def.shape[String(key)] : undefined;
  return inner === undefined ? {} : defaultOf(inner, rest);
}

/** The value at a path. */
export function valueAt(value: unknown, path: KeyPath): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[key];
  }
  return at;
}

/** What a schema says of a place: several alternatives, or none that knows it. */
function schemasAt(schema: z.core.$ZodType, path: KeyPath, value: unknown): z.core.$ZodTypes['_zod']['def'][] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
    case 'nullable':
      return schemasAt(def.innerType, path, value);
    case 'pipe':
      return schemasAt(def.in, path, value);
    case 'union':
      return def.options.flatMap((option) =>
        acceptsKind(option, value, 'discriminator' in def ? String(def.discriminator) : 'kind') ? schemasAt(option, path, value) : [],
      );
    default:
  }
  const [key, ...rest] = path;
  if (key === undefined) return [def];
  const below = def.type === 'object' && Object.hasOwn(def.shape, key) ? def.shape[String(key)] : undefined;
  const inner = def.type === 'array' ? def.element : def.type === 'record' ? def.valueType : below;
  return inner === undefined ? [] : schemasAt(inner, rest, valueAt(value, [key]));
}

function acceptsKind(option: z.core.$ZodType, value: unknown, discriminator: string): boolean {
  const kinds = option._zod.propValues?.[discriminator];
  const kind = valueAt(value, [discriminator]);
  return kinds === undefined || kind === undefined || kinds.has(kind as z.core.util.Primitive);
}
