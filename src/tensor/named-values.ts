import type { Shape, Tensor } from './tensor.js';

/**
 * Values by canonical name, wherever they are: in memories, in a file, on another machine. They are read in pieces, so that
 * no second copy of a model has to exist.
 */
export interface NamedValues {
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Throws unless there are exactly these names with these shapes. */
  requireSame(expected: ReadonlyMap<string, Shape>): void;
  /** Fills `target` with the values of a name from value `start` on, in row-major order. */
  read(name: string, start: number, target: Float32Array): Promise<void>;
}

/** Values that are read at once, at most. */
export const pieceValues = 1024 ** 2;

/** Values of `size`, piece by piece: [start, end) each. */
export function* pieces(size: number): Generator<{ readonly start: number; readonly end: number }> {
  for (let start = 0; start < size; start += pieceValues) yield { start, end: Math.min(start + pieceValues, size) };
}

/** What of a value is here: from which of its values on, and its whole shape. */
interface Excerpt {
  readonly start: number;
  readonly shape: Shape;
}

/**
 * Values in memories of this process. Of a value that is divided by rows, the parts are in order and may be in several. Where only an
 * excerpt is here, no more than that is read, written and filled.
 */
export class PlacedValues implements NamedValues {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly #parts: ReadonlyMap<string, { readonly of: readonly Tensor[]; readonly start: number }>;

  constructor(parts: Iterable<readonly [name: string, parts: readonly Tensor[], excerpt?: Excerpt]>) {
    const all = [...parts];
    this.#parts = new Map(all.map(([name, of, { start } = { start: 0 }]) => [name, { of, start }]));
    this.shapes = new Map(all.map(([name, of, excerpt]) => [name, excerpt?.shape ?? joined(of)]));
  }

  /** Of tensors that are whole. */
  static of(tensors: Iterable<{ readonly name: string; readonly value: Tensor }>): PlacedValues {
    return new PlacedValues(Array.from(tensors, ({ name, value }) => [name, [value]]));
  }

  requireSame(expected: ReadonlyMap<string, Shape>): void {
    const of = (shapes: ReadonlyMap<string, Shape>) => JSON.stringify([...shapes].sort(([a], [b]) => (a < b ? -1 : 1)));
    if (of(expected) !== of(this.shapes)) throw new Error('values of another model');
  }

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    for (const { part, first } of this.#partsOf(name)) {
      const [from, to] = [Math.max(start, first), Math.min(start + target.length, first + part.size)];
      if (from < to) target.set(part.f32.subarray(from - first, to - first), from - start);
    }
  }

  /** Sets values of a name, from value `start` on. */
  write(name: string, start: number, values: Float32Array): void {
    for (const { part, first } of this.#partsOf(name)) {
      const [from, to] = [Math.max(start, first), Math.min(start + values.length, first + part.size)];
      if (from < to) part.f32.set(values.subarray(from - start, to - start), from - first);
    }
  }

  /** Sets all of them to the values of their names, which must be exactly these. */
  async fill(source: NamedValues): Promise<void> {
    source.requireSame(this.shapes);
    for (const name of this.#parts.keys()) {
      for (const { part, first } of this.#partsOf(name)) {
        for (const { start, end } of pieces(part.size)) await source.read(name, first + start, part.f32.subarray(start, end));
      }
    }
  }

  *#partsOf(name: string): Generator<{ readonly part: Tensor; readonly first: number }> {
    const { of, start: begin } = this.#parts.get(name) ?? { of: [], start: 0 };
    let first = begin;
    for (const part of of) {
      yield { part, first };
      first += part.size;
    }
  }
}

function joined(parts: readonly Tensor[]): Shape {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first?.shape ?? [0];
  const [, ...columns] = first.shape;
  return [parts.reduce((rows, part) => rows + part.dimension(0), 0), ...columns];
}
