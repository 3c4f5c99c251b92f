import { DecadeError } from '../core/errors.js';
import { shortened } from '../core/visible-text.js';
import type { NamedValues } from '../tensor/named-values.js';
import { type Shape, showShape } from '../tensor/tensor.js';
import type { ForeignVocabulary } from './foreign-vocabulary.js';

/** Where a checkpoint of another library keeps a parameter. The same list serves both directions. */
export interface Counterpart {
  /** Of the parameter here. */
  readonly name: string;
  /** Names there. The rows of several follow each other here: queries, keys and values are one matrix. None: zeros. */
  readonly theirs: readonly string[];
  /** Matrices are [inputs, outputs] there. */
  readonly isTransposed?: boolean;
  /** A vector is a matrix of one row there. */
  readonly isOneRow?: boolean;
  /** Rows are tokens of this side, of which some may not be there. */
  readonly tokens?: 'source' | 'target';
}

interface Vocabularies {
  readonly source: ForeignVocabulary | undefined;
  readonly target: ForeignVocabulary;
}

/** To a sum of probabilities in 32 bits e^-100 adds nothing, and a smoothed loss, which counts every token, stays finite. */
const loweredLogit = -100;

/** The parameters of a model, read from the tensors of a checkpoint. */
export class ImportedValues implements NamedValues {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly #tensors: NamedValues;
  readonly #parts: ReadonlyMap<string, Counterpart>;
  readonly #vocabularies: Vocabularies;
  readonly #where: string;
  /** The last transposed tensor: it is read whole. */
  #transposed: { readonly name: string; readonly values: Float32Array } | undefined;

  /**
   * @param shapes  of the parameters here
   * @param unused  whether a tensor there says nothing that the options do not say: a mask, a table that is computed here
   * @throws DecadeError `input` unless the checkpoint has exactly the counterparts of these parameters, in their shapes
   */
  constructor(
    where: string,
    shapes: ReadonlyMap<string, Shape>,
    tensors: NamedValues,
    counterparts: readonly Counterpart[],
    vocabularies: Vocabularies,
    unused: (name: string) => boolean,
  ) {
    this.shapes = shapes;
    this.#where = where;
    this.#tensors = tensors;
    this.#vocabularies = vocabularies;
    this.#parts = new Map(counterparts.map((part) => [part.name, part]));
    for (const [name, shape] of shapes) this.#check(name, shape);
    const known = new Set(counterparts.flatMap(({ theirs }) => theirs));
    const unknown = [...tensors.shapes.keys()].filter((name) => !known.has(name) && !unused(name));
    if (unknown.length === 0) return;
    throw this.#refusal(`${someOf(unknown)}, which a model of this configuration does not have`, 'the tensors of one architecture');
  }

  requireSame(expected: ReadonlyMap<string, Shape>): void {
    const of = (shapes: ReadonlyMap<string, Shape>) => JSON.stringify([...shapes].sort(([a], [b]) => (a < b ? -1 : 1)));
    if (of(expected) !== of(this.shapes)) throw new Error('parameters of another model');
  }

  /** @throws DecadeError `input` for a value that is not finite */
  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const part = this.#part(name);
    if (part.isTransposed && this.shapes.get(name)?.length === 2) await this.#readTransposed(part, start, target);
    else if (part.tokens !== undefined) await this.#readTokens(part, start, target);
    else await this.#readRows(part, start, target);
    const broken = target.find((value) => !Number.isFinite(value));
    if (broken !== undefined) throw this.#refusal(`${broken} in ${part.theirs.join(', ')}`, 'finite numbers');
  }

  async #readRows({ theirs }: Counterpart, start: number, target: Float32Array): Promise<void> {
    let first = 0;
    for (const name of theirs) {
      const size = sizeOf(this.#shapeOf(name));
      const [from, to] = [Math.max(start, first), Math.min(start + target.length, first + size)];
      if (from < to) await this.#tensors.read(name, from - first, target.subarray(from - start, to - start));
      first += size;
    }
  }

  async #readTokens(part: Counterpart, start: number, target: Float32Array): Promise<void> {
    const [rows = 1, ...columns] = this.shapes.get(part.name) ?? [];
    const stored = Math.max(0, Math.min(target.length, (rows - this.#added(part)) * sizeOf(columns) - start));
    if (part.theirs.length === 0) target.fill(0);
    else await this.#readRows(part, start, target.subarray(0, stored));
    target.fill(columns.length === 0 ? loweredLogit : 0, stored);
  }

  async #readTransposed({ name, theirs }: Counterpart, start: number, target: Float32Array): Promise<void> {
    if (this.#transposed?.name !== name) this.#transposed = { name, values: await this.#turned(theirs, this.shapes.get(name) ?? []) };
    target.set(this.#transposed.values.subarray(start, start + target.length));
  }

  /** Matrices of [inputs, outputs] each as one of [all outputs, inputs]. */
  async #turned(theirs: readonly string[], shape: Shape): Promise<Float32Array> {
    const [, inputs = 1] = shape;
    const values = new Float32Array(sizeOf(shape));
    let first = 0;
    for (const name of theirs) {
      const [, outputs = 1] = this.#tensors.shapes.get(name) ?? [];
      const stored = new Float32Array(inputs * outputs);
      await this.#tensors.read(name, 0, stored);
      for (const [at, value] of stored.entries()) values[(first + (at % outputs)) * inputs + Math.floor(at / outputs)] = value;
      first += outputs;
    }
    return values;
  }

  /** Tokens of a table or bias that are not there. */
  #added({ tokens }: Counterpart): number {
    return tokens === undefined ? 0 : ((this.#vocabularies[tokens] ?? this.#vocabularies.target).added ?? 0);
  }

  #part(name: string): Counterpart {
    const part = this.#parts.get(name);
    if (part !== undefined) return part;
    throw this.#refusal(`no tensor for ${name}`, 'every tensor of the model');
  }

  #shapeOf(name: string): Shape {
    const shape = this.#tensors.shapes.get(name);
    // A vector may be written as a matrix of one row.
    if (shape !== undefined) return shape.length === 2 && shape[0] === 1 ? shape.slice(1) : shape;
    throw this.#refusal(`no ${shortened(name)}`, 'every tensor of the model');
  }

  /** Throws unless what the parameter is read from has its shape. */
  #check(name: string, [rows = 1, ...columns]: Shape): void {
    const part = this.#part(name);
    if (part.theirs.length === 0) return;
    const stored = part.theirs.map((their) => this.#shapeOf(their));
    const isTurned = part.isTransposed && columns.length === 1;
    const found = joined(isTurned ? stored.map((each) => [...each].reverse()) : stored);
    const wanted = [rows - this.#added(part), ...columns];
    if (found !== undefined && showShape(found) === showShape(wanted)) return;
    const received = `${someOf([...part.theirs])} of shape ${stored.map(showShape).join(', ')}`;
    throw this.#refusal(received, `${showShape(wanted)}${isTurned ? ', turned' : ''}, as the configuration says`);
  }

  #refusal(received: string, allowed: string): DecadeError {
    return new DecadeError('input', { where: this.#where, received, allowed, next: 'take all files of one model together' });
  }
}

/** The tensors of a checkpoint of another library, made from the parameters of a model. */
export class ExportedValues implements NamedValues {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly #values: NamedValues;
  readonly #origins = new Map<string, { readonly part: Counterpart; readonly offset: number }>();
  #transposed: { readonly name: string; readonly values: Float32Array } | undefined;

  /**
   * @param divided  rows of a parameter that each of its counterparts has
   * @param zeros    tensors that have no parameter
   */
  constructor(
    values: NamedValues,
    counterparts: readonly Counterpart[],
    divided: (part: Counterpart, rows: number) => readonly number[],
    zeros: ReadonlyMap<string, Shape>,
  ) {
    this.#values = values;
    const shapes = new Map<string, Shape>();
    for (const part of counterparts) {
      const shape = values.shapes.get(part.name);
      if (shape === undefined) continue;
      const [rows = 1, ...rest] = shape;
      const counts = part.theirs.length === 1 ? [rows] : divided(part, rows);
      let offset = 0;
      for (const [index, name] of part.theirs.entries()) {
        const count = counts[index] ?? 0;
        const own = part.isOneRow ? [1, count] : [count, ...rest];
        shapes.set(name, part.isTransposed && rest.length === 1 ? own.reverse() : own);
        this.#origins.set(name, { part, offset });
        offset += count * sizeOf(rest);
      }
    }
    this.shapes = new Map([...shapes, ...zeros].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  requireSame(): void {}

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const origin = this.#origins.get(name);
    const shape = this.shapes.get(name) ?? [];
    if (origin === undefined) {
      target.fill(0);
      return;
    }
    const { part, offset } = origin;
    if (part.isTransposed && shape.length === 2) {
      if (this.#transposed?.name !== name) this.#transposed = { name, values: await this.#turned(part.name, shape) };
      target.set(this.#transposed.values.subarray(start, start + target.length));
    } else await this.#values.read(part.name, offset + start, target);
  }

  /** A matrix of [outputs, inputs] as one of [inputs, outputs]. */
  async #turned(name: string, [inputs = 1, outputs = 1]: Shape): Promise<Float32Array> {
    const own = new Float32Array(inputs * outputs);
    await this.#values.read(name, 0, own);
    return own.map((_, at) => own[(at % outputs) * inputs + Math.floor(at / outputs)] as number);
  }
}

/** Of matrices one behind the other; undefined where their columns differ. */
function joined(shapes: readonly Shape[]): Shape | undefined {
  const [first = []] = shapes;
  const [, ...columns] = first;
  if (shapes.some(([, ...others]) => showShape(others) !== showShape(columns))) return undefined;
  return [shapes.reduce((sum, [rows = 0]) => sum + rows, 0), ...columns];
}

function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => shortened(name));
  return names.length <= 3 ? shown.join(', ') : `${shown.join(', ')} and ${names.length - 3} more`;
}
