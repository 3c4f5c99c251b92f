import type { TransformerOptions } from '../../models/transformer/options.js';
import { gateOf } from '../../tensor/operations/activated-linear.js';
import type { GraphBuilder, Value } from './graph-builder.js';

/** Nothing that attention may see comes near to it. */
const excluded = -3e38;

/** [rows, inputs] → [rows, outputs]: by the weight of this name, [outputs, inputs], and its bias, if there is one. */
export function linear(graph: GraphBuilder, name: string, input: Value): Value {
  return product(graph, input, `${name}.weight`, `${name}.bias`);
}

/** As `linear`, by parameters of these names. */
export function product(graph: GraphBuilder, input: Value, weight: string, bias: string): Value {
  const biases = graph.has(bias) ? [graph.parameter(bias)] : [];
  return graph.node('Gemm', [input, graph.parameter(weight), ...biases], { transB: 1 });
}

/** Normalised rows. */
export function normalised(graph: GraphBuilder, name: string, { kind, epsilon }: TransformerOptions['norm'], input: Value): Value {
  const gain = graph.parameter(`${name}.gain`);
  const bias = graph.has(`${name}.bias`) ? [graph.parameter(`${name}.bias`)] : [];
  if (kind === 'layer') return graph.node('LayerNormalization', [input, gain, ...bias], { axis: -1, epsilon: { float: epsilon } });
  const squares = graph.node('ReduceMean', [graph.node('Mul', [input, input])], { axes: [-1] });
  const root = graph.node('Sqrt', [graph.node('Add', [squares, graph.float(epsilon)])]);
  return graph.node('Mul', [graph.node('Div', [input, root]), gain]);
}

/** As of `activatedLinear`. */
export function activated(graph: GraphBuilder, activation: TransformerOptions['activation'], x: Value): Value {
  const of = (operator: string, ...inputs: Value[]) => graph.node(operator, inputs);
  switch (activation) {
    case 'relu':
      return of('Relu', x);
    case 'swish':
      return of('Mul', x, of('Sigmoid', x));
    case 'gelu': {
      const doubled = of('Add', of('Erf', of('Mul', x, graph.float(Math.SQRT1_2))), graph.float(1));
      return of('Mul', of('Mul', x, doubled), graph.float(0.5));
    }
    case 'gelu-tanh': {
      const cube = of('Mul', of('Mul', of('Mul', x, x), x), graph.float(0.044715));
      const doubled = of('Add', of('Tanh', of('Mul', of('Add', x, cube), graph.float(Math.sqrt(2 / Math.PI)))), graph.float(1));
      return of('Mul', of('Mul', x, doubled), graph.float(0.5));
    }
    case 'swiglu':
    case 'geglu-tanh': {
      const [gate = '', through = ''] = graph.nodes('Split', [x], 2, { axis: -1 });
      return of('Mul', activated(graph, gateOf(activation) ?? activation, gate), through);
    }
  }
}

/** Weights over the last axis, where `allowed`, which is spread over the others. */
export function weights(graph: GraphBuilder, scores: Value, allowed: Value): Value {
  return graph.node('Softmax', [graph.node('Where', [allowed, scores, graph.float(excluded)])], { axis: -1 });
}

/** 1 and 0 as true and false, with axes of one put in. */
export function asCondition(graph: GraphBuilder, mask: Value, axes: readonly number[]): Value {
  return graph.node('Unsqueeze', [graph.node('Cast', [mask], { to: 9 }), graph.integers(axes)]);
}

/** A shape: the sizes of `leading`, which is a shape, and then these. */
export function shaped(graph: GraphBuilder, input: Value, leading: Value, sizes: readonly number[]): Value {
  return graph.node('Reshape', [input, graph.node('Concat', [leading, graph.integers(sizes)], { axis: 0 })]);
}
