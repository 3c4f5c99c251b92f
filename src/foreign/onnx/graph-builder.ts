import type { Shape } from '../../tensor/tensor.js';
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxPort, OnnxStretch, OnnxTensor, OnnxType } from '../containers/onnx-file.js';

/** A value of a graph, by its name. */
export type Value = string;

/** Collects the nodes of a graph. Parameters keep their names, so whoever opens the file finds them. */
export class GraphBuilder {
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs: OnnxPort[] = [];
  readonly #outputs: OnnxPort[] = [];
  /** By name. Branches share those of the whole. */
  readonly #tensors: Map<string, OnnxTensor>;
  readonly #next: { number: number };

  /** `shapes`: of the parameters. `whole`: the graph that this one is a branch of. */
  constructor(shapes: ReadonlyMap<string, Shape>, whole?: GraphBuilder) {
    this.#shapes = shapes;
    this.#tensors = whole === undefined ? new Map() : whole.#tensors;
    this.#next = whole === undefined ? { number: 0 } : whole.#next;
  }

  input(name: string, type: OnnxType, shape: OnnxPort['shape']): Value {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  output(name: string, value: Value, type: OnnxType, shape: OnnxPort['shape']): void {
    this.#nodes.push({ operator: 'Identity', inputs: [value], outputs: [name], attributes: {} });
    this.#outputs.push({ name, type, shape });
  }

  /** What an operator makes of these. */
  node(operator: string, inputs: readonly Value[], attributes: Readonly<Record<string, OnnxAttribute>> = {}): Value {
    const [output = ''] = this.nodes(operator, inputs, 1, attributes);
    return output;
  }

  /** As `node`, of an operator with several results. */
  nodes(operator: string, inputs: readonly Value[], count: number, attributes: Readonly<Record<string, OnnxAttribute>> = {}): Value[] {
    const outputs = Array.from({ length: count }, () => this.#name(operator));
    this.#nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }

  integers(values: readonly number[]): Value {
    return this.#constant('int64', [values.length], new Uint8Array(BigInt64Array.from(values, BigInt).buffer), `integers ${values}`);
  }

  integer(value: number): Value {
    return this.#constant('int64', [], new Uint8Array(BigInt64Array.of(BigInt(value)).buffer), `integer ${value}`);
  }

  float(value: number): Value {
    return this.#constant('float', [], new Uint8Array(Float32Array.of(value).buffer), `float ${value}`);
  }

  doubles(values: readonly number[]): Value {
    return this.#constant('double', [values.length], new Uint8Array(Float64Array.from(values).buffer), `doubles ${values}`);
  }

  has(parameter: string): boolean {
    return this.#shapes.has(parameter);
  }

  shapeOf(parameter: string): Shape {
    const shape = this.#shapes.get(parameter);
    if (shape === undefined) throw new Error(`the model has no ${parameter}`);
    return shape;
  }

  parameter(name: string): Value {
    const shape = this.shapeOf(name);
    return this.stored(name, shape, [{ parameter: name, start: 0, size: shape.reduce((product, size) => product * size, 1) }]);
  }

  /** Stretches of parameters one behind the other, as a tensor. */
  stored(name: string, shape: Shape, values: readonly OnnxStretch[]): Value {
    this.#tensors.set(name, { name, type: 'float', shape, values });
    return name;
  }

  /** The results of one of two branches, as `condition` says, in one shape. Each branch sees every value of this graph. */
  choose(
    condition: Value,
    shape: OnnxPort['shape'],
    then: (branch: GraphBuilder) => readonly Value[],
    otherwise: (branch: GraphBuilder) => readonly Value[],
  ): Value[] {
    const branch = (build: typeof then): OnnxGraph => {
      const inner = new GraphBuilder(this.#shapes, this);
      for (const value of build(inner)) inner.output(this.#name('result'), value, 'float', shape);
      return { nodes: inner.#nodes, inputs: [], outputs: inner.#outputs, tensors: [] };
    };
    const [then_branch, else_branch] = [branch(then), branch(otherwise)];
    return this.nodes('If', [condition], then_branch.outputs.length, { then_branch, else_branch });
  }

  graph(): OnnxGraph {
    return { nodes: this.#nodes, inputs: this.#inputs, outputs: this.#outputs, tensors: [...this.#tensors.values()] };
  }

  #constant(type: OnnxType, shape: Shape, values: Uint8Array, key: string): Value {
    this.#tensors.set(key, { name: key, type, shape, values });
    return key;
  }

  #name(operator: string): Value {
    return `${operator} ${this.#next.number++}`;
  }
}
