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

/** Values in memories of this process. Of a value that is divided by rows, the parts are in order and may be in several. */
export class PlacedValues implements NamedValues {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly #parts: ReadonlyMap<string, readonly Tensor[]>;

  constructor(parts: Iterable<readonly [name: string, parts: readonly Tensor[]]>) {
    this.#parts = new Map(parts);
    this.shapes = new Map(Array.from(this.#parts, ([name, of]) => [name, joined(of)]));
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
    let first = 0;
    for (const part of this.#parts.get(name) ?? []) {
      const [from, to] = [Math.max(start, first), Math.min(start + target.length, first + part.size)];
      if (from < to) target.set(part.f32.subarray(from - first, to - first), from - start);
      first += part.size;
    }
  }

  /** Sets values of a name, from value `start` on. */
  write(name: string, start: number, values: Float32Array): void {
    let first = 0;
    for (const part of this.#parts.get(name) ?? []) {
      const [from, to] = [Math.max(start, first), Math.min(start + values.length, first + part.size)];
      if (from < to) part.f32.set(values.subarray(from - start, to - start), from - first);
      first += part.size;
    }
  }

  /** Sets all of them to the values of their names, which must be exactly these. */
  async fill(source: NamedValues): Promise<void> {
    source.requireSame(this.shapes);
    for (const [name, parts] of this.#parts) {
      let first = 0;
      for (const part of parts) {
        for (const { start, end } of pieces(part.size)) await source.read(name, first + start, part.f32.subarray(start, end));
        first += part.size;
      }
    }
  }
}

function joined(parts: readonly Tensor[]): Shape {
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first?.shape ?? [0];
  const [, ...columns] = first.shape;
  return [parts.reduce((rows, part) => rows + part.dimension(0), 0), ...columns];
}
