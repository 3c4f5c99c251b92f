import { isOutputTied, type TransformerOptions } from '../../models/transformer/options.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import { activated, linear, normalised, product, shaped, weights } from './operators.js';
import type { PositionValues } from './positions.js';

/** Keys and values: [batch, heads, tokens, size] each. */
export interface KeysAndValues {
  readonly key: Value;
  readonly value: Value;
}

/** What the layers of a stack look at. Conditions are spread over [batch, heads, queries of a head, tokens, seen tokens]. */
export interface StackSight {
  /** Of the tokens themselves, which each sees. */
  readonly seen: Value;
  /** Keys and values of a layer, given those of its own tokens. */
  self(layer: number, own: KeysAndValues): KeysAndValues;
  readonly source?: { readonly seen: Value; at(layer: number): KeysAndValues };
}

/** Tokens: their ids, [batch, tokens], and where they stand. */
export interface Tokens {
  readonly ids: Value;
  readonly positions: PositionValues;
}

/** The parts of a Transformer (see `models/transformer/network.ts`) as nodes of a graph. Between them are rows: [batch tokens, width]. */
export class TransformerNodes {
  readonly #graph: GraphBuilder;
  readonly #options: TransformerOptions;

  constructor(graph: GraphBuilder, options: TransformerOptions) {
    this.#graph = graph;
    this.#options = options;
  }

  /** [rows, width]: what a stack makes of tokens. */
  stack(name: 'encoder' | 'decoder', tokens: Tokens, sight: StackSight): Value {
    const { encoderLayers, decoderLayers, encoderHeads, heads, norm } = this.#options;
    const layers = name === 'encoder' ? encoderLayers : decoderLayers;
    let rows = this.#embedded(name === 'encoder' ? 'source' : 'target', tokens);
    for (let layer = 0; layer < layers; layer++) {
      rows = this.#layer(layer, `${name}.${layer}`, name === 'encoder' ? encoderHeads : heads, tokens, rows, sight);
    }
    return norm.place === 'pre' ? normalised(this.#graph, `${name}.norm`, norm, rows) : rows;
  }

  /** The keys and values of the source for a layer of the decoder, from what the encoder made of it: [batch, tokens, width]. */
  sourceMemory(graph: GraphBuilder, layer: number, encoded: Value): KeysAndValues {
    const { width, heads, keyValueHeads = heads } = this.#options;
    const rows = graph.node('Reshape', [encoded, graph.integers([-1, width])]);
    const both = graph.nodes('Split', [linear(graph, `decoder.${layer}.memory.memory`, rows)], 2, { axis: -1 });
    const shape = shapeOf(graph, encoded);
    const [key = '', value = ''] = both.map((each) => headsFirst(graph, shaped(graph, each, shape, [keyValueHeads, width / heads])));
    return { key, value };
  }

  /** [batch, tokens, vocabulary] */
  logits(rows: Value, ids: Value): Value {
    const graph = this.#graph;
    const weight = isOutputTied(this.#options) ? 'target.embedding.table' : 'output.weight';
    const [vocabulary = 0] = graph.shapeOf(weight);
    return shaped(graph, product(graph, rows, weight, 'output.bias'), shapeOf(graph, ids), [vocabulary]);
  }

  #embedded(side: 'source' | 'target', { ids, positions }: Tokens): Value {
    const graph = this.#graph;
    const { width, scaledEmbeddings } = this.#options;
    const table = graph.has(`${side}.embedding.table`) ? `${side}.embedding.table` : 'target.embedding.table';
    const vectors = graph.node('Gather', [graph.parameter(table), ids]);
    const scaled = scaledEmbeddings ? graph.node('Mul', [vectors, graph.float(Math.sqrt(width))]) : vectors;
    const placed = positions.added === undefined ? scaled : graph.node('Add', [scaled, positions.added]);
    return graph.node('Reshape', [placed, graph.integers([-1, width])]);
  }

  #layer(layer: number, name: string, heads: number, tokens: Tokens, rows: Value, { seen, self, source }: StackSight): Value {
    const looked = this.#around(`${name}.attention`, rows, (input) => {
      const { query, ...own } = this.#projected(`${name}.attention.projection`, heads, tokens, input);
      return this.#attended(`${name}.attention`, heads, query, self(layer, own), seen);
    });
    const informed =
      source === undefined
        ? looked
        : this.#around(`${name}.memory`, looked, (input) => {
            const query = this.#split(tokens.ids, linear(this.#graph, `${name}.memory.query`, input), heads);
            return this.#attended(`${name}.memory`, heads, query, source.at(layer), source.seen);
          });
    return this.#around(`${name}.feedForward`, informed, (input) => {
      const inner = activated(this.#graph, this.#options.activation, linear(this.#graph, `${name}.feedForward.up`, input));
      return linear(this.#graph, `${name}.feedForward.down`, inner);
    });
  }

  /** x + part(norm(x)), or norm(x + part(x)). */
  #around(name: string, rows: Value, part: (input: Value) => Value): Value {
    const { norm } = this.#options;
    const normal = (input: Value) => normalised(this.#graph, `${name}.norm`, norm, input);
    const sum = this.#graph.node('Add', [rows, part(norm.place === 'pre' ? normal(rows) : rows)]);
    return norm.place === 'pre' ? sum : normal(sum);
  }

  /** Queries [batch, tokens, heads, size], and keys and values. */
  #projected(name: string, heads: number, { ids, positions }: Tokens, input: Value): KeysAndValues & { readonly query: Value } {
    const { width, keyValueHeads = heads } = this.#options;
    const columns = (width / heads) * keyValueHeads;
    const parts = [linear(this.#graph, name, input), this.#graph.integers([width, columns, columns])];
    const [query = '', key = '', value = ''] = this.#graph.nodes('Split', parts, 3, { axis: -1 });
    const split = (rows: Value, count: number) => this.#split(ids, rows, count, width / heads);
    return {
      query: positions.turned(split(query, heads)),
      key: headsFirst(this.#graph, positions.turned(split(key, keyValueHeads))),
      value: headsFirst(this.#graph, split(value, keyValueHeads)),
    };
  }

  /** What tokens see of keys and values: [rows, width]. Heads that share keys are a group of queries. */
  #attended(name: string, heads: number, query: Value, { key, value }: KeysAndValues, seen: Value): Value {
    const graph = this.#graph;
    const { width, keyValueHeads = heads } = this.#options;
    const size = width / heads;
    const of = (operator: string, inputs: Value[], attributes = {}) => graph.node(operator, inputs, attributes);
    const grouped = of('Reshape', [query, graph.integers([0, 0, keyValueHeads, heads / keyValueHeads, size])]);
    const queries = of('Transpose', [of('Mul', [grouped, graph.float(1 / Math.sqrt(size))])], { perm: [0, 2, 3, 1, 4] });
    const ofGroup = (each: Value) => of('Unsqueeze', [each, graph.integers([2])]);
    const scores = of('MatMul', [queries, of('Transpose', [ofGroup(key)], { perm: [0, 1, 2, 4, 3] })]);
    const context = of('MatMul', [weights(graph, scores, seen), ofGroup(value)]);
    const rows = of('Reshape', [of('Transpose', [context], { perm: [0, 3, 1, 2, 4] }), graph.integers([-1, width])]);
    return linear(graph, `${name}.output`, rows);
  }

  /** Rows as heads: [batch, tokens, heads, size]. */
  #split(ids: Value, rows: Value, heads: number, size = this.#options.width / heads): Value {
    return shaped(this.#graph, rows, shapeOf(this.#graph, ids), [heads, size]);
  }
}

/** The sizes of the first two axes. */
function shapeOf(graph: GraphBuilder, value: Value): Value {
  return graph.node('Shape', [value], { end: 2 });
}

/** [batch, tokens, heads, size] → [batch, heads, tokens, size] */
function headsFirst(graph: GraphBuilder, value: Value): Value {
  return graph.node('Transpose', [value], { perm: [0, 2, 1, 3] });
}
