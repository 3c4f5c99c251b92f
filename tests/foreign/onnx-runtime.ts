import { setFlagsFromString } from 'node:v8';
import * as ort from 'onnxruntime-web';
import { memoryFiles } from '../../src/core/memory-files.js';
import { type OnnxGraph, writeOnnx } from '../../src/foreign/containers/onnx-file.js';
import type { ParameterStore } from '../../src/nn/parameters.js';
import { PlacedValues } from '../../src/tensor/named-values.js';

// For models of a few hundred numbers: to optimise ONNX Runtime's code takes longer than all that it does here.
setFlagsFromString('--liftoff-only');
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';
// transformers.js takes an ONNX Runtime that is there already.
Object.assign(globalThis, { [Symbol.for('onnxruntime')]: ort });
const transformers = await import('@huggingface/transformers');
// It would take the code of ONNX Runtime from elsewhere.
ort.env.wasm.wasmPaths = undefined;

/** transformers.js, which finds its models in folders of this one and nowhere else. */
export function transformersJs(folder: string): typeof transformers {
  Object.assign(transformers.env, { allowRemoteModels: false, localModelPath: folder, useFSCache: false, useWasmCache: false });
  return transformers;
}

type Values = Record<string, ort.Tensor>;

/** A model of ONNX, of which each call reads on where the one before ended. */
export class OnnxModel {
  readonly #encoder: ort.InferenceSession | undefined;
  readonly #decoder: ort.InferenceSession;
  #source: Values = {};
  /** What the last call gave to the next. */
  #present: Values = {};
  /** Tokens that were read. */
  #read = 0;

  private constructor(encoder: ort.InferenceSession | undefined, decoder: ort.InferenceSession) {
    this.#encoder = encoder;
    this.#decoder = decoder;
  }

  /** The graphs as ONNX Runtime reads their files. */
  static async open(graphs: ReadonlyMap<string, OnnxGraph>, parameters: ParameterStore): Promise<OnnxModel> {
    const sessions: ort.InferenceSession[] = [];
    for (const graph of graphs.values()) {
      const files = memoryFiles();
      await writeOnnx(files, 'model.onnx', graph, PlacedValues.of(parameters));
      sessions.push(await ort.InferenceSession.create(await files.readBytes('model.onnx')));
    }
    const decoder = sessions.pop();
    if (decoder === undefined) throw new Error('no graph');
    return new OnnxModel(sessions.pop(), decoder);
  }

  /** Reads sources, a row each; shorter ones are masked behind their end. */
  async encode(sources: readonly (readonly number[])[]): Promise<void> {
    this.#read = 0;
    this.#present = {};
    this.#source = {};
    if (this.#encoder === undefined) return;
    const encoder_attention_mask = integers(sources.map((ids) => ids.map(() => 1)));
    const encoded = await run(this.#encoder, { input_ids: integers(sources), attention_mask: encoder_attention_mask });
    const { last_hidden_state: encoder_hidden_states, ...others } = encoded;
    this.#source = { ...others, encoder_attention_mask, ...(encoder_hidden_states && { encoder_hidden_states }) };
    this.#present = others;
  }

  /** Logits [tokens, vocabulary] of every row that reads these ids. */
  async read(ids: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const [batch, count] = [ids.length, ids[0]?.length ?? 0];
    const feeds: Values = {
      ...this.#source,
      input_ids: integers(ids),
      attention_mask: integers(ids.map(() => new Array<number>(this.#read + count).fill(1))),
      position_ids: integers(ids.map((row) => row.map((_, at) => this.#read + at))),
      use_cache_branch: new ort.Tensor('bool', [this.#read > 0], [1]),
    };
    for (const port of this.#decoder.inputMetadata) {
      if (!port.isTensor || !port.name.startsWith('past')) continue;
      const shape = port.shape.map((size) => (size === 'batch_size' ? batch : typeof size === 'string' ? 0 : size));
      const nothing = new ort.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);
      feeds[port.name] = this.#present[port.name.replace(/^\w+/, 'present')] ?? nothing;
    }
    const { logits, ...present } = await run(this.#decoder, feeds);
    this.#present = present;
    this.#read += count;
    if (logits === undefined) throw new Error('a decoder that gives no logits');
    const size = count * (logits.dims[2] ?? 0);
    return ids.map((_, row) => (logits.data as Float32Array).slice(row * size, (row + 1) * size));
  }
}

async function run(session: ort.InferenceSession, feeds: Values): Promise<Values> {
  return (await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name] as ort.Tensor])))) as Values;
}

/** Rows of whole numbers, filled up with zeros. */
function integers(rows: readonly (readonly number[])[]): ort.Tensor {
  const longest = Math.max(...rows.map(({ length }) => length));
  const values = rows.flatMap((row) => Array.from({ length: longest }, (_, at) => BigInt(row[at] ?? 0)));
  return new ort.Tensor('int64', BigInt64Array.from(values), [rows.length, longest]);
}
