/** A key of the configurations that is not the same in all of them: `model.layers`. */
export interface DifferentKey {
  readonly key: string;
  /** Of each configuration, as in JSON; undefined where it has no such key. */
  readonly values: readonly (string | undefined)[];
}

/** The keys in which configurations differ, in the order in which they are written. Lists are values. */
export function configurationDifferences(configurations: readonly object[]): DifferentKey[] {
  const flat = configurations.map((configuration) => new Map(keysOf(configuration, '')));
  const keys = new Set(flat.flatMap((values) => [...values.keys()]));
  return [...keys]
    .map((key) => ({ key, values: flat.map((values) => values.get(key)) }))
    .filter(({ values }) => values.some((value) => value !== values[0]));
}

function* keysOf(value: object, before: string): Generator<[key: string, value: string]> {
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) yield* keysOf(inner, `${before}${name}.`);
    else yield [before + name, typeof inner === 'string' ? inner : JSON.stringify(inner)];
  }
}
