import type { TransformerOptions } from '../../models/transformer/options.js';
import { onnxTypes } from '../containers/onnx-file.js';
import type { GraphBuilder, Value } from './graph-builder.js';

/** Where tokens stand, as a Transformer is told: see `nn/positions.ts`. Angles are computed in 64 bits, as there. */
export interface PositionValues {
  /** What is added to vectors [batch, tokens, width], if anything is. */
  readonly added: Value | undefined;
  /** Turns queries or keys [batch, tokens, heads, size]. */
  turned(input: Value): Value;
}

/**
 * @param side       whose positions: learned ones are named after it
 * @param positions  whole numbers [batch, tokens], or [1, tokens] for all alike
 * @param size       values of a head
 */
export function positionValues(
  graph: GraphBuilder,
  side: 'source' | 'target',
  options: TransformerOptions,
  positions: Value,
  size: number,
): PositionValues {
  const { width, sinusoids: layout, firstPosition, rotaryBase, rotaryPairs } = options;
  switch (options.positions) {
    case 'learned':
      return { added: graph.node('Gather', [graph.parameter(`${side}.positions.table`), positions]), turned: (input) => input };
    case 'sinusoidal': {
      const half = width / 2;
      const frequency = (pair: number) => 10_000 ** -(layout === 'tensor2tensor' ? pair / Math.max(half - 1, 1) : pair / half);
      const parts = waves(
        graph,
        positions,
        firstPosition,
        Array.from({ length: half }, (_, pair) => frequency(pair)),
      );
      const waved = [parts.sine, parts.cosine];
      const added = layout === 'interleaved' ? inTurn(graph, waved, [0, 0, width]) : graph.node('Concat', waved, { axis: -1 });
      return { added, turned: (input) => input };
    }
    case 'relative':
      throw new Error('relative positions are not written as graphs');
    case 'rotary': {
      const frequencies = Array.from({ length: size / 2 }, (_, pair) => rotaryBase ** ((-2 * pair) / size));
      const parts = waves(graph, positions, 0, frequencies);
      const ofHead = (value: Value) => graph.node('Unsqueeze', [value, graph.integers([2])]);
      const [sine, cosine] = [ofHead(parts.sine), ofHead(parts.cosine)];
      return { added: undefined, turned: (input) => turned(graph, input, { sine, cosine, pairs: rotaryPairs, size }) };
    }
  }
}

/** Sines and cosines, [.., frequencies] each. */
function waves(graph: GraphBuilder, positions: Value, first: number, frequencies: readonly number[]) {
  const counted = graph.node('Cast', [graph.node('Add', [positions, graph.integer(first)])], { to: onnxTypes.double });
  const angles = graph.node('Mul', [graph.node('Unsqueeze', [counted, graph.integers([2])]), graph.doubles(frequencies)]);
  const wave = (operator: 'Sin' | 'Cos') => graph.node('Cast', [graph.node(operator, [angles])], { to: onnxTypes.float });
  return { sine: wave('Sin'), cosine: wave('Cos') };
}

/** Pairs (a, b) of a head turned by an angle: (a cos - b sin, a sin + b cos). */
function turned(
  graph: GraphBuilder,
  input: Value,
  { sine, cosine, pairs, size }: { sine: Value; cosine: Value; pairs: TransformerOptions['rotaryPairs']; size: number },
): Value {
  const of = (operator: string, ...inputs: Value[]) => graph.node(operator, inputs);
  const [a = '', b = ''] =
    pairs === 'halves'
      ? graph.nodes('Split', [input], 2, { axis: -1 })
      : graph
          .nodes('Split', [of('Reshape', input, graph.integers([0, 0, 0, size / 2, 2]))], 2, { axis: -1 })
          .map((half) => of('Squeeze', half, graph.integers([-1])));
  const both = [of('Sub', of('Mul', a, cosine), of('Mul', b, sine)), of('Add', of('Mul', a, sine), of('Mul', b, cosine))];
  return pairs === 'halves' ? graph.node('Concat', both, { axis: -1 }) : inTurn(graph, both, [0, 0, 0, size]);
}

/** The last values of two tensors in turn. */
function inTurn(graph: GraphBuilder, both: readonly Value[], shape: readonly number[]): Value {
  const apart = both.map((each) => graph.node('Unsqueeze', [each, graph.integers([-1])]));
  return graph.node('Reshape', [graph.node('Concat', apart, { axis: -1 }), graph.integers(shape)]);
}
