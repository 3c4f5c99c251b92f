import type { LstmOptions } from '../../models/lstm/options.js';
import type { Shape } from '../../tensor/tensor.js';
import type { OnnxGraph, OnnxStretch } from '../containers/onnx-file.js';
import { GraphBuilder, type Value } from './graph-builder.js';
import { asCondition, linear, product, weights } from './operators.js';

const batch = 'batch_size';
const sourceLength = 'encoder_sequence_length';
const length = 'sequence_length';

/** What a layer hands on, [batch, hidden] each. */
interface State {
  readonly hidden: Value;
  readonly cell: Value;
}

/**
 * An LSTM encoder-decoder as graphs of ONNX, by the names of their files: an encoder, whose last states begin the decoder, and a decoder
 * that takes states and gives them back; of a language model the decoder alone, which begins with zeros. A decoder that feeds attention
 * back reads one token a call, another as many as it is given.
 *
 * @param shapes  of the parameters
 */
export function lstmGraphs(options: LstmOptions, shapes: ReadonlyMap<string, Shape>, hasSource: boolean): ReadonlyMap<string, OnnxGraph> {
  const decoder = decoderGraph(options, new GraphBuilder(shapes));
  if (!hasSource) return new Map([['model', decoder]]);
  return new Map([
    ['encoder_model', encoderGraph(options, new GraphBuilder(shapes))],
    ['decoder_model', decoder],
  ]);
}

function encoderGraph(options: LstmOptions, graph: GraphBuilder): OnnxGraph {
  const { layers, hidden, bidirectional, reverseSource, residual, attention } = options;
  const ids = graph.input('input_ids', 'int64', [batch, sourceLength]);
  const mask = graph.input('attention_mask', 'int64', [batch, sourceLength]);
  const lengths = graph.node('Cast', [graph.node('ReduceSum', [mask, graph.integers([1])], { keepdims: 0 })], { to: 6 });
  const ways = reverseSource ? (['reverse', 'forward'] as const) : (['forward', 'reverse'] as const);
  const [usual] = ways;
  const states: State[] = [];
  let below = stepsFirst(graph, graph.node('Gather', [graph.parameter('source.embedding.table'), ids]));
  if (bidirectional) {
    const both = (['forward', 'backward'] as const).map((side, index) =>
      lstm(graph, `encoder.bidirectional.${side}`, below, { direction: ways[index] as Direction, lengths }),
    );
    const joined = (of: (each: LstmResult) => Value) => graph.node('Concat', both.map(of), { axis: -1 });
    below = joined(({ output }) => output);
    states.push({ hidden: joined(({ state }) => state.hidden), cell: joined(({ state }) => state.cell) });
  }
  const [above, name] = bidirectional ? [layers - 1, 'encoder.above'] : [layers, 'encoder'];
  for (let layer = 0; layer < above; layer++) {
    const { output, state } = lstm(graph, `${name}.${layer}`, below, { direction: usual, lengths });
    states.push(state);
    below = residual && layer > 0 ? graph.node('Add', [output, below]) : output;
  }
  const encoded = stepsFirst(graph, below);
  graph.output('last_hidden_state', encoded, 'float', [batch, sourceLength, hidden]);
  if (attention === 'additive') {
    const rows = graph.node('Reshape', [encoded, graph.integers([-1, hidden])]);
    const shape = graph.node('Shape', [encoded]);
    const keys = graph.node('Reshape', [linear(graph, 'attention.keys', rows), shape]);
    graph.output('attention_keys', keys, 'float', [batch, sourceLength, hidden]);
  }
  giveStates(graph, states, hidden);
  return graph.graph();
}

function decoderGraph(options: LstmOptions, graph: GraphBuilder): OnnxGraph {
  const { layers, hidden, residual, attention, inputFeeding, tiedEmbeddings } = options;
  const steps = inputFeeding ? 1 : length;
  const ids = graph.input('input_ids', 'int64', [batch, steps]);
  const before = Array.from({ length: layers }, (_, layer) => ({
    hidden: graph.input(`past.${layer}.hidden`, 'float', [batch, hidden]),
    cell: graph.input(`past.${layer}.cell`, 'float', [batch, hidden]),
  }));
  const vectors = graph.node('Gather', [graph.parameter('target.embedding.table'), ids]);
  const fed = inputFeeding ? graph.input('past.attention', 'float', [batch, hidden]) : undefined;
  const read =
    fed === undefined ? vectors : graph.node('Concat', [vectors, graph.node('Unsqueeze', [fed, graph.integers([1])])], { axis: -1 });
  let below = stepsFirst(graph, read);
  const states = before.map((state, layer) => {
    const { output, state: after } = lstm(graph, `decoder.${layer}`, below, { direction: 'forward', before: state });
    below = residual && layer > 0 ? graph.node('Add', [output, below]) : output;
    return after;
  });
  const queries = stepsFirst(graph, below);
  const output = attention === 'none' ? queries : attended(graph, attention, hidden, queries);
  const rows = graph.node('Reshape', [output, graph.integers([-1, hidden])]);
  const weight = tiedEmbeddings ? 'target.embedding.table' : 'output.weight';
  const [vocabulary = 0] = graph.shapeOf(weight);
  const shape = graph.node('Concat', [graph.node('Shape', [ids]), graph.integers([vocabulary])], { axis: 0 });
  const logits = graph.node('Reshape', [product(graph, rows, weight, 'output.bias'), shape]);
  graph.output('logits', logits, 'float', [batch, steps, vocabulary]);
  giveStates(graph, states, hidden);
  if (inputFeeding) graph.output('present.attention', rows, 'float', [batch, hidden]);
  return graph.graph();
}

/** The attentional vectors of Luong et al. (2015): [batch, steps, hidden]. See `nn/attention.ts`. */
function attended(graph: GraphBuilder, kind: 'dot' | 'additive', hidden: number, queries: Value): Value {
  const values = graph.input('encoder_hidden_states', 'float', [batch, sourceLength, hidden]);
  const seen = asCondition(graph, graph.input('encoder_attention_mask', 'int64', [batch, sourceLength]), [1]);
  const of = (operator: string, inputs: Value[], attributes = {}) => graph.node(operator, inputs, attributes);
  const shape = of('Shape', [queries]);
  const rowsOf = (value: Value, width: number) => of('Reshape', [value, graph.integers([-1, width])]);
  const scores = () => {
    if (kind === 'dot') return of('MatMul', [queries, of('Transpose', [values], { perm: [0, 2, 1] })]);
    const keys = graph.input('attention_keys', 'float', [batch, sourceLength, hidden]);
    const asked = of('Reshape', [linear(graph, 'attention.query', rowsOf(queries, hidden)), shape]);
    const axis = (value: Value, at: number) => of('Unsqueeze', [value, graph.integers([at])]);
    const met = of('Tanh', [of('Add', [axis(asked, 2), axis(keys, 1)])]);
    return of('MatMul', [met, graph.parameter('attention.vector')]);
  };
  const context = of('MatMul', [weights(graph, scores(), seen), values]);
  const joined = rowsOf(of('Concat', [context, queries], { axis: -1 }), 2 * hidden);
  return of('Reshape', [of('Tanh', [linear(graph, 'attention.combine', joined)]), shape]);
}

type Direction = 'forward' | 'reverse';
interface LstmResult {
  /** [steps, batch, hidden] */
  readonly output: Value;
  readonly state: State;
}

/** A layer in one direction; backwards each sentence is read from its own end. input [steps, batch, inputs]. */
function lstm(
  graph: GraphBuilder,
  name: string,
  input: Value,
  { direction, lengths = '', before }: { direction: Direction; lengths?: Value; before?: State },
): LstmResult {
  const [rows = 0, inputs = 0] = graph.shapeOf(`${name}.weightInput`);
  const hidden = rows / 4;
  // Gates are input, forget, cell, output here, and input, output, forget, cell there.
  const gates = (part: string, size: number): OnnxStretch[] =>
    [0, 3, 1, 2].map((gate) => ({ parameter: `${name}.${part}`, start: gate * hidden * size, size: hidden * size }));
  const first = (state: Value) => graph.node('Unsqueeze', [state, graph.integers([0])]);
  const parts = [
    graph.stored(`${name}.weightInput`, [1, rows, inputs], gates('weightInput', inputs)),
    graph.stored(`${name}.weightHidden`, [1, rows, hidden], gates('weightHidden', hidden)),
    graph.stored(`${name}.bias`, [1, 2 * rows], [...gates('bias', 1), { zeros: rows }]),
    lengths,
    ...(before === undefined ? [] : [first(before.hidden), first(before.cell)]),
  ];
  const results = graph.nodes('LSTM', [input, ...parts], 3, { hidden_size: hidden, direction });
  const [output = '', last = '', cell = ''] = results.map((each, at) => graph.node('Squeeze', [each, graph.integers([at === 0 ? 1 : 0])]));
  return { output, state: { hidden: last, cell } };
}

/** [batch, steps, columns] → [steps, batch, columns], and back. */
function stepsFirst(graph: GraphBuilder, value: Value): Value {
  return graph.node('Transpose', [value], { perm: [1, 0, 2] });
}

function giveStates(graph: GraphBuilder, states: readonly State[], hidden: number): void {
  for (const [layer, state] of states.entries()) {
    graph.output(`present.${layer}.hidden`, state.hidden, 'float', [batch, hidden]);
    graph.output(`present.${layer}.cell`, state.cell, 'float', [batch, hidden]);
  }
}
