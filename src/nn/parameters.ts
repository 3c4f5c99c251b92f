import { normal, randomKey, uniform } from '../core/random.js';
import type { Block, Memory } from '../tensor/memory.js';
import type { NamedValues } from '../tensor/named-values.js';
import { type Shape, Tensor } from '../tensor/tensor.js';
import { TouchedRows } from '../tensor/touched-rows.js';

/** How a parameter's gradient is kept: all of it, or only the rows that a step touched (embeddings). */
export type GradientKind = 'dense' | 'rows';

/**
 * What a parameter's values are before training: drawn from [-range, range), drawn around 0, or all the same; `xavier` draws from
 * a range of √(6 / (rows + columns)) (Glorot and Bengio 2010, equation 16).
 */
export type Initial =
  | { readonly kind: 'uniform'; readonly range: number }
  | { readonly kind: 'xavier' }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'constant'; readonly value: number };

/** All that is done with a parameter follows from these, so that nobody asks which model it belongs to. */
export interface ParameterRules {
  readonly initial: Initial;
  /** Whether weight decay makes it smaller. */
  readonly decay: boolean;
  readonly gradient: GradientKind;
  /** Whose tokens it is used for; `both` where one network reads the source and goes on with the target. */
  readonly side: 'source' | 'target' | 'both';
  /** Multiplications that a token of its side costs in a forward pass. */
  readonly cost: number;
}

/** A named value that is learnt. */
export class Parameter {
  /** Canonical name, the same in checkpoints whatever the strategy: `encoder.0.weightInput`. */
  readonly name: string;
  readonly shape: Shape;
  readonly rules: ParameterRules;
  #value: Tensor | undefined;

  constructor(name: string, shape: Shape, rules: ParameterRules) {
    this.name = name;
    this.shape = shape;
    this.rules = rules;
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

  declare(name: string, shape: Shape, rules: ParameterRules): Parameter {
    const parameter = new Parameter(name, shape, rules);
    this.add(parameter);
    return parameter;
  }

  /** Takes up a parameter that another store has, too: a part of a model. */
  add(parameter: Parameter): void {
    if (this.#parameters.has(parameter.name)) throw new Error(`parameter ${parameter.name} is declared twice`);
    this.#parameters.set(parameter.name, parameter);
  }

  /** Where the layers of a side declare theirs. */
  section(common: SectionRules): ParameterSection {
    return new ParameterSection(this, common);
  }

  get(name: string): Parameter | undefined {
    return this.#parameters.get(name);
  }

  get names(): string[] {
    return [...this.#parameters.keys()];
  }

  get shapes(): ReadonlyMap<string, Shape> {
    return new Map(Array.from(this, ({ name, shape }) => [name, shape]));
  }

  /** Number of learnt values. */
  get count(): number {
    let count = 0;
    for (const parameter of this) count += parameter.size;
    return count;
  }

  /** Multiplications that a source token and a target token cost in a forward pass. */
  get costs(): { readonly source: number; readonly target: number } {
    const costs = { source: 0, target: 0 };
    for (const { rules } of this) {
      if (rules.side !== 'target') costs.source += rules.cost;
      if (rules.side !== 'source') costs.target += rules.cost;
    }
    return costs;
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

  /** Gives every parameter the values that it starts with. They depend on its name, not on its neighbours. */
  initialise(seed: number): void {
    for (const parameter of this) fillInitial(parameter, seed, 0, parameter.value.f32);
  }

  dispose(): void {
    for (const block of this.#blocks) this.#memory?.free(block);
    this.#blocks = [];
  }
}

/** The values that a model's parameters start with, whether they have a place or not. */
export class InitialValues implements NamedValues {
  readonly #parameters: ParameterStore;
  readonly #seed: number;

  constructor(parameters: ParameterStore, seed: number) {
    this.#parameters = parameters;
    this.#seed = seed;
  }

  get shapes(): ReadonlyMap<string, Shape> {
    return this.#parameters.shapes;
  }

  requireSame(expected: ReadonlyMap<string, Shape>): void {
    for (const name of expected.keys()) this.#parameter(name);
  }

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    fillInitial(this.#parameter(name), this.#seed, start, target);
  }

  #parameter(name: string): Parameter {
    const parameter = this.#parameters.get(name);
    if (parameter === undefined) throw new Error(`no parameter ${name}`);
    return parameter;
  }
}

function fillInitial({ name, shape, rules }: Parameter, seed: number, start: number, target: Float32Array): void {
  const key = randomKey(seed, 'initialise', nameKey(name));
  const initial = drawnFrom(rules.initial, shape);
  for (let index = 0; index < target.length; index++) target[index] = initialValue(initial, key, start + index);
}

/** What depends on a shape, for this one. */
function drawnFrom(initial: Initial, [rows = 1, columns = 1]: Shape): Exclude<Initial, { kind: 'xavier' }> {
  return initial.kind === 'xavier' ? { kind: 'uniform', range: Math.sqrt(6 / (rows + columns)) } : initial;
}

function initialValue(initial: Exclude<Initial, { kind: 'xavier' }>, key: number, index: number): number {
  switch (initial.kind) {
    case 'uniform':
      return (2 * uniform(key, index) - 1) * initial.range;
    case 'normal':
      return initial.deviation * normal(key, index);
    case 'constant':
      return initial.value;
  }
}

/** What the parameters of a section have in common. */
export interface SectionRules extends Pick<ParameterRules, 'side' | 'initial'> {
  /** Of what is added, or multiplies value by value. Default: as everything else, and decayed. */
  readonly vectors?: Pick<ParameterRules, 'initial' | 'decay'> | undefined;
  /** Of matrices whose product is added to a residual stream, where these start smaller. */
  readonly initialOfSummands?: Initial | undefined;
}

/** The part of a store in which layers declare what belongs to one side and starts alike. */
export class ParameterSection {
  readonly #store: ParameterStore;
  readonly #common: Pick<ParameterRules, 'side' | 'initial'>;
  readonly #vectors: SectionRules['vectors'];
  readonly #initialOfSummands: Initial;

  constructor(store: ParameterStore, { vectors, initialOfSummands, ...common }: SectionRules) {
    this.#store = store;
    this.#common = common;
    this.#vectors = vectors;
    this.#initialOfSummands = initialOfSummands ?? common.initial;
  }

  /** A matrix that every token of the side is multiplied with; `isSummand`: the product is added to a residual stream. */
  matrix(name: string, rows: number, columns: number, { isSummand = false } = {}): Parameter {
    return this.declare(name, [rows, columns], { cost: rows * columns, ...(isSummand && { initial: this.#initialOfSummands }) });
  }

  /** What is added, or multiplies value by value. */
  vector(name: string, size: number): Parameter {
    return this.declare(name, [size], this.#vectors);
  }

  /** Anything else; by default decayed, with a dense gradient, and free. */
  declare(name: string, shape: Shape, { decay = true, gradient = 'dense', cost = 0, ...rules }: Partial<ParameterRules> = {}): Parameter {
    return this.#store.declare(name, shape, { ...this.#common, decay, gradient, cost, ...rules });
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
      if (parameter.rules.gradient === 'rows') {
        const [rows = 0, columns = 0] = shape;
        this.#learnt.push({ parameter, value, gradient: new TouchedRows(memory, rows, columns, offset) });
      } else {
        const gradient = new Tensor(memory, offset ?? memory.allocate(parameter.size * 4).offset, shape);
        if (offset === undefined) gradient.f32.fill(0);
        this.#learnt.push({ parameter, value, gradient });
      }
    }
  }

  /** What they take when no row is touched. */
  static bytes(parameters: Iterable<Parameter>): number {
    let bytes = 0;
    for (const { rules, shape, size } of parameters) bytes += 4 * (rules.gradient === 'rows' ? (shape[0] ?? 0) : size);
    return bytes;
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
