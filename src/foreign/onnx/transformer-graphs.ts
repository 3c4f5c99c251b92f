import type { TransformerOptions } from '../../models/transformer/options.js';
import type { Shape } from '../../tensor/tensor.js';
import type { OnnxGraph } from '../containers/onnx-file.js';
import { GraphBuilder, type Value } from './graph-builder.js';
import { asCondition } from './operators.js';
import { type PositionValues, positionValues } from './positions.js';
import { type KeysAndValues, type StackSight, TransformerNodes } from './transformer-nodes.js';

/** A size that each call chooses has a name; by the first transformers.js knows how many rows of an empty cache to make. */
const batch = 'batch_size';
const sourceLength = 'encoder_sequence_length';
const length = 'sequence_length';
const pastLength = 'past_sequence_length';
const totalLength = 'total_sequence_length';

/**
 * A Transformer as graphs of ONNX, by the names of their files. Inputs and outputs are those that Hugging Face's exports have and
 * transformers.js gives: an encoder, and a decoder that takes the keys and values of earlier tokens and gives them back with its own;
 * of a language model the decoder alone. Tokens behind a source are masked, tokens before a prompt too.
 *
 * @param shapes  of the parameters
 */
export function transformerGraphs(
  options: TransformerOptions,
  shapes: ReadonlyMap<string, Shape>,
  hasSource: boolean,
): ReadonlyMap<string, OnnxGraph> {
  if (!hasSource) return new Map([['model', languageModel(options, new GraphBuilder(shapes))]]);
  return new Map([
    ['encoder_model', encoder(options, new GraphBuilder(shapes))],
    ['decoder_model_merged', decoder(options, new GraphBuilder(shapes))],
  ]);
}

function encoder(options: TransformerOptions, graph: GraphBuilder): OnnxGraph {
  const ids = graph.input('input_ids', 'int64', [batch, sourceLength]);
  const seen = asCondition(graph, graph.input('attention_mask', 'int64', [batch, sourceLength]), [1, 2, 3]);
  const places = range(graph, graph.integer(0), lengthOf(graph, ids, 1));
  const positions = positionValues(graph, 'source', options, asRow(graph, places), options.width / options.encoderHeads);
  const rows = new TransformerNodes(graph, options).stack('encoder', { ids, positions }, { seen, self: (_, own) => own });
  const leading = graph.node('Shape', [ids]);
  const shape = graph.node('Concat', [leading, graph.integers([options.width])], { axis: 0 });
  graph.output('last_hidden_state', graph.node('Reshape', [rows, shape]), 'float', [batch, sourceLength, options.width]);
  return graph.graph();
}

/** The first call gives the keys and values of the source to the later ones, which say so in `use_cache_branch`. */
function decoder(options: TransformerOptions, graph: GraphBuilder): OnnxGraph {
  const nodes = new TransformerNodes(graph, options);
  const ids = graph.input('input_ids', 'int64', [batch, length]);
  const mask = graph.input('encoder_attention_mask', 'int64', [batch, sourceLength]);
  const encoded = graph.input('encoder_hidden_states', 'float', [batch, sourceLength, options.width]);
  const cache = new Cache(graph, options, '.decoder');
  const pastSources = Array.from({ length: options.decoderLayers }, (_, layer) =>
    pair((part) => graph.input(`past_key_values.${layer}.encoder.${part}`, 'float', cache.shape(`${sourceLength}_out`))),
  );
  const isLater = graph.input('use_cache_branch', 'bool', [1]);
  const { places, seen } = cache.sight(ids);
  const sources = pastSources.map(({ key: pastKey, value: pastValue }, layer) => {
    const [key = '', value = ''] = graph.choose(
      isLater,
      cache.shape(`${sourceLength}_out`),
      (branch) => [pastKey, pastValue].map((past) => branch.node('Identity', [past])),
      (branch) => {
        const { key, value } = nodes.sourceMemory(branch, layer, encoded);
        return [key, value];
      },
    );
    return { key, value };
  });
  const source = { seen: asCondition(graph, mask, [1, 2, 3]), at: (layer: number) => sources[layer] as KeysAndValues };
  const positions = cache.positions(asRow(graph, places));
  const rows = nodes.stack('decoder', { ids, positions }, { seen, self: cache.self, source });
  cache.outputs(rows, ids, nodes);
  for (const [layer, each] of sources.entries()) {
    for (const part of ['key', 'value'] as const) {
      graph.output(`present.${layer}.encoder.${part}`, each[part], 'float', cache.shape(`${sourceLength}_out`));
    }
  }
  return graph.graph();
}

function languageModel(options: TransformerOptions, graph: GraphBuilder): OnnxGraph {
  const nodes = new TransformerNodes(graph, options);
  const ids = graph.input('input_ids', 'int64', [batch, length]);
  const mask = graph.input('attention_mask', 'int64', [batch, totalLength]);
  const positions = graph.input('position_ids', 'int64', [batch, length]);
  const cache = new Cache(graph, options, '');
  const seen = graph.node('And', [cache.sight(ids).seen, asCondition(graph, mask, [1, 2, 3])]);
  const rows = nodes.stack('decoder', { ids, positions: cache.positions(positions) }, { seen, self: cache.self });
  cache.outputs(rows, ids, nodes);
  return graph.graph();
}

/** The keys and values of earlier tokens, layer by layer, as inputs and outputs of a decoder. */
class Cache {
  readonly #graph: GraphBuilder;
  readonly #options: TransformerOptions;
  /** Of the inputs' and outputs' names. */
  readonly #infix: string;
  readonly #past: readonly KeysAndValues[];
  readonly #present: KeysAndValues[] = [];

  constructor(graph: GraphBuilder, options: TransformerOptions, infix: string) {
    this.#graph = graph;
    this.#options = options;
    this.#infix = infix;
    this.#past = Array.from({ length: options.decoderLayers }, (_, layer) =>
      pair((part) => graph.input(`past_key_values.${layer}${infix}.${part}`, 'float', this.shape(pastLength))),
    );
  }

  shape(tokens: string): (string | number)[] {
    const { width, heads, keyValueHeads = heads } = this.#options;
    return [batch, keyValueHeads, tokens, width / heads];
  }

  /** Where these tokens stand behind the earlier ones, and which of all each sees: those before it and itself. */
  sight(ids: Value): { readonly places: Value; readonly seen: Value } {
    const graph = this.#graph;
    const past = lengthOf(graph, this.#past[0]?.key ?? '', 2);
    const total = graph.node('Add', [past, lengthOf(graph, ids, 1)]);
    const places = range(graph, past, total);
    const column = graph.node('Unsqueeze', [places, graph.integers([1])]);
    return { places, seen: graph.node('LessOrEqual', [asRow(graph, range(graph, graph.integer(0), total)), column]) };
  }

  positions(places: Value): PositionValues {
    const { width, heads } = this.#options;
    return positionValues(this.#graph, 'target', this.#options, places, width / heads);
  }

  readonly self: StackSight['self'] = (layer, own) => {
    const past = this.#past[layer];
    const all = pair((part) => this.#graph.node('Concat', [past?.[part] ?? '', own[part]], { axis: 2 }));
    this.#present[layer] = all;
    return all;
  };

  outputs(rows: Value, ids: Value, nodes: TransformerNodes): void {
    const graph = this.#graph;
    const [vocabulary = 0] = graph.shapeOf('target.embedding.table');
    graph.output('logits', nodes.logits(rows, ids), 'float', [batch, length, vocabulary]);
    for (const [layer, present] of this.#present.entries()) {
      for (const part of ['key', 'value'] as const) {
        graph.output(`present.${layer}${this.#infix}.${part}`, present[part], 'float', this.shape(totalLength));
      }
    }
  }
}

function pair(of: (part: 'key' | 'value') => Value): KeysAndValues {
  return { key: of('key'), value: of('value') };
}

/** The size of an axis, as a scalar. */
function lengthOf(graph: GraphBuilder, value: Value, axis: number): Value {
  return graph.node('Gather', [graph.node('Shape', [value]), graph.integer(axis)]);
}

function range(graph: GraphBuilder, from: Value, to: Value): Value {
  return graph.node('Range', [from, to, graph.integer(1)]);
}

/** [1, values] */
function asRow(graph: GraphBuilder, values: Value): Value {
  return graph.node('Unsqueeze', [values, graph.integers([0])]);
}
