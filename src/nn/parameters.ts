import { randomKey, uniform } from '../core/random.js';
import type { Block, Memory } from '../tensor/memory.js';
import { type Shape, Tensor } from '../tensor/tensor.js';
import { TouchedRows } from '../tensor/touched-rows.js';

/** How a parameter's gradient is kept: all of it, or only the rows that a step touched (embeddings). */
export type GradientKind = 'dense' | 'rows';

/** A named value that is learnt. */
export class Parameter {
  /** Canonical name, the same in checkpoints whatever the strategy: `encoder.0.weightInput`. */
  readonly name: string;
  readonly shape: Shape;
  readonly gradientKind: GradientKind;
  #value: Tensor | undefined;

  constructor(name: string, shape: Shape, gradientKind: GradientKind) {
    this.name = name;
    this.shape = shape;
    this.gradientKind = gradientKind;
  }

  get size(): number {
    return this.shape.reduce((product, dimension) => product * dimension, 1);
  }

  get value(): Tensor {
    if (this.#value === undefined) throw new Error(`parameter ${this.name} is used before its store was allocated`);
    return this.#value;
  }

  place(memory: Memory, offset: number): void {
    this.#value = new Tensor(memory, offset, this.shape);
  }
}

/**
 * The parameters of a model, in the order its layers declare them. Declaring allocates nothing, so that a model can be
 * built to be counted; `allocate` gives them room, `attach` places them where another thread has them.
 */
export class ParameterStore implements Iterable<Parameter> {
  #parameters = new Map<string, Parameter>();
  #blocks: Block[] = [];
  #memory: Memory | undefined;

  [Symbol.iterator](): Iterator<Parameter> {
    return this.#parameters.values();
  }

  declare(name: string, shape: Shape, gradientKind: GradientKind = 'dense'): Parameter {
    if (this.#parameters.has(name)) throw new Error(`parameter ${name} is declared twice`);
    const parameter = new Parameter(name, shape, gradientKind);
    this.#parameters.set(name, parameter);
    return parameter;
  }

  get(name: string): Parameter | undefined {
    return this.#parameters.get(name);
  }

  get names(): string[] {
    return [...this.#parameters.keys()];
  }

  /** Number of learnt values. */
  get count(): number {
    let count = 0;
    for (const parameter of this) count += parameter.size;
    return count;
  }

  allocate(memory: Memory): void {
    this.#memory = memory;
    for (const parameter of this) {
      const block = memory.allocate(parameter.size * 4);
      this.#blocks.push(block);
      parameter.place(memory, block.offset);
    }
  }

  /** Byte offsets by name, for `attach` on another thread. */
  get offsets(): Record<string, number> {
    return Object.fromEntries(Array.from(this, (parameter) => [parameter.name, parameter.value.offset]));
  }

  attach(memory: Memory, offsets: Record<string, number>): void {
    for (const parameter of this) {
      const offset = offsets[parameter.name];
      if (offset === undefined) throw new Error(`no offset for parameter ${parameter.name}`);
      parameter.place(memory, offset);
    }
  }

  /** Every value, biases too, uniform in [-range, range) (Sutskever et al. 2014, section 3.4: 0.08). */
  initialiseUniform(seed: number, range: number): void {
    for (const parameter of this) {
      const key = randomKey(seed, 'initialise', nameKey(parameter.name));
      const values = parameter.value.f32;
      for (let index = 0; index < values.length; index++) values[index] = (2 * uniform(key, index) - 1) * range;
    }
  }

  dispose(): void {
    for (const block of this.#blocks) this.#memory?.free(block);
    this.#blocks = [];
  }
}

/** A 32-bit number for a name (FNV-1a), so that a parameter's or layer's random stream does not depend on its neighbours. */
export function nameKey(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/** A parameter and where one device gathers its gradient. */
export interface LearntParameter {
  readonly parameter: Parameter;
  readonly value: Tensor;
  readonly gradient: Tensor | TouchedRows;
}

/** One device's gradients of all parameters: 0, or no rows, until a tape adds to them. */
export class Gradients implements Iterable<LearntParameter> {
  readonly #learnt: LearntParameter[] = [];
  readonly #memory: Memory;

  /** Allocates them, or with `offsets` uses those that another thread allocated. */
  constructor(parameters: ParameterStore, memory: Memory, offsets?: Record<string, number>) {
    this.#memory = memory;
    for (const parameter of parameters) {
      const { name, shape, value } = parameter;
      const offset = offsets?.[name];
      if (parameter.gradientKind === 'rows') {
        const [rows = 0, columns = 0] = shape;
        this.#learnt.push({ parameter, value, gradient: new TouchedRows(memory, rows, columns, offset) });
      } else {
        const gradient = new Tensor(memory, offset ?? memory.allocate(parameter.size * 4).offset, shape);
        if (offset === undefined) gradient.f32.fill(0);
        this.#learnt.push({ parameter, value, gradient });
      }
    }
  }

  [Symbol.iterator](): Iterator<LearntParameter> {
    return this.#learnt[Symbol.iterator]();
  }

  /** Places by parameter name, for another thread. */
  get offsets(): Record<string, number> {
    return Object.fromEntries(this.#learnt.map(({ parameter, gradient }) => [parameter.name, gradient.offset]));
  }

  /** Sets every gradient to 0. */
  clear(): void {
    for (const { gradient } of this) {
      if (gradient instanceof TouchedRows) gradient.clear();
      else gradient.f32.fill(0);
    }
  }

  dispose(): void {
    for (const { gradient } of this.#learnt) {
      if (gradient instanceof TouchedRows) gradient.dispose();
      else this.#memory.free({ offset: gradient.offset, bytes: Math.max(64, Math.ceil(gradient.bytes / 64) * 64) });
    }
    this.#learnt.length = 0;
  }
}
