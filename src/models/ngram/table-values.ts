import type { NamedValues } from '../../tensor/named-values.js';
import type { Shape } from '../../tensor/tensor.js';
import type { NgramTables } from './tables.js';

/** Tables as the values of parameters. */
export class TableValues implements NamedValues {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly tables: NgramTables;

  constructor(tables: NgramTables) {
    this.tables = tables;
    this.shapes = new Map(Array.from(tables, ([name, { length }]) => [name, [length]]));
  }

  requireSame(expected: ReadonlyMap<string, Shape>): void {
    for (const [name, [size]] of expected) if (this.tables.get(name)?.length !== size) throw new Error(`${name} of another size`);
  }

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const table = this.tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    target.set(table.subarray(start, start + target.length));
  }
}
