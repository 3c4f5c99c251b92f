// What a page has beside decade: transformers.js, and a search over the exported graphs, both on ONNX Runtime Web.
import { AutoTokenizer, env, pipeline } from '@huggingface/transformers';
import { env as runtime, InferenceSession, Tensor } from 'onnxruntime-web';
import { OnnxSearch } from './onnx-search.js';

/** How a page translates lines. */
export type Translate = (lines: readonly string[]) => Promise<readonly string[]>;

export interface OnnxOptions {
  /** The exported folder below /exports/. */
  readonly name: string;
  /** As transformers.js names it. */
  readonly dtype: 'fp32' | 'q8';
  readonly threads: number;
}

function prepare(threads: number): void {
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '/exports/', useBrowserCache: false });
  runtime.wasm.wasmPaths = '/onnx-runtime/';
  runtime.wasm.numThreads = threads;
  runtime.logLevel = 'error';
}

/** Greedy search of transformers.js; lines one at a time, or all in one call. */
export async function transformersJs({ name, dtype, threads }: OnnxOptions, isOneAtATime: boolean): Promise<Translate> {
  prepare(threads);
  const translator = await pipeline('translation', name, { dtype, device: 'wasm' });
  const translated = async (lines: string | string[]) => (await translator(lines)).flat().map((each) => each.translation_text);
  return async (lines) => {
    if (!isOneAtATime) return translated([...lines]);
    const texts: string[] = [];
    for (const line of lines) texts.push(...(await translated(line)));
    return texts;
  };
}

/** A search of width `beam` over the exported graphs. */
export async function onnxRuntime({ name, dtype, threads }: OnnxOptions, beam: number): Promise<Translate> {
  prepare(threads);
  const folder = `/exports/${name}`;
  const configuration = await (await fetch(`${folder}/config.json`)).json();
  const suffix = dtype === 'q8' ? '_quantized' : '';
  const decoder = configuration.model_type === 'lstm' ? 'decoder_model' : 'decoder_model_merged';
  const session = (file: string) => InferenceSession.create(`${folder}/onnx/${file}${suffix}.onnx`);
  const tokenizer = await AutoTokenizer.from_pretrained(name);
  const { decoder_start_token_id: begin, eos_token_id: end, pad_token_id: pad } = configuration;
  const search = new OnnxSearch(
    {
      encoder: await session('encoder_model'),
      decoder: await session(decoder),
      tokenizers: { source: tokenizer, target: tokenizer },
      special: { begin, end, pad },
    },
    Tensor,
  );
  return (lines) => search.translate(lines, beam);
}
