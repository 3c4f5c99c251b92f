import { DecadeError } from '../../core/errors.js';
import type { LstmOptions } from '../../models/lstm/options.js';
import type { TransformerOptions } from '../../models/transformer/options.js';
import type { NamedValues } from '../../tensor/named-values.js';
import { type OnnxGraph, writeOnnx } from '../containers/onnx-file.js';
import { configurationName, generationName } from '../hugging-face.js';
import { nearestArchitecture, onnxMisfits, withoutEncoder } from '../hugging-face-folder.js';
import { type FileContents, type FolderContents, jsonText } from '../written-folder.js';
import { encoderDecoderIds, generationOf, languageModelIds, type WrittenModel } from '../written-model.js';
import { fastTokenizerFiles, type WrittenTokenizers } from '../written-tokenizers.js';
import { lstmGraphs } from './lstm-graphs.js';
import { transformerGraphs } from './transformer-graphs.js';

/**
 * A folder as transformers.js loads it: graphs in `onnx/`, configurations and `tokenizer.json`. An LSTM, which it does not have, is laid
 * out alike.
 *
 * @param run  for messages
 * @throws DecadeError `usage` for a Transformer without an encoder that has a source, and for options of T5
 */
export function onnxFolder(
  model: WrittenModel<LstmOptions | TransformerOptions>,
  values: NamedValues,
  tokenizers: WrittenTokenizers,
  run: string,
): { readonly kind: string; readonly contents: FolderContents } {
  const { options, source } = model;
  const hasSource = source !== undefined;
  const misfits = options.kind === 'transformer' ? onnxMisfits(options) : [];
  if (misfits.length > 0) {
    throw new DecadeError('usage', {
      where: run,
      received: misfits.join(', '),
      allowed: 'a Transformer whose attention is that of Vaswani et al. (2017), or rotary',
      next: 'write it with --to hf',
    });
  }
  const [kind, configuration, graphs] =
    options.kind === 'lstm'
      ? ['LSTM', lstmConfiguration({ ...model, options }), lstmGraphs(options, values.shapes, hasSource)]
      : ['Transformer', transformerConfiguration({ ...model, options }, run), transformerGraphs(options, values.shapes, hasSource)];
  const file =
    (graph: OnnxGraph): FileContents =>
    (files, path) =>
      writeOnnx(files, path, graph, values);
  const contents: FolderContents = new Map([
    [configurationName, jsonText(configuration)],
    [generationName, jsonText(generationOf(model))],
    ...fastTokenizerFiles(tokenizers),
    ...Array.from(graphs, ([name, graph]): [string, FileContents] => [`onnx/${name}.onnx`, file(graph)]),
  ]);
  return { kind, contents };
}

/** That of the class that comes nearest: it names the caches and sizes that transformers.js asks for, and the graphs say all else. */
function transformerConfiguration(model: WrittenModel<TransformerOptions>, run: string): Readonly<Record<string, unknown>> {
  const nearest = nearestArchitecture(model);
  if (nearest === undefined) throw withoutEncoder(run);
  const isWhole = nearest.misfits(model).length === 0;
  return { ...(isWhole && { architectures: [nearest.name] }), model_type: nearest.type, ...nearest.configuration(model) };
}

function lstmConfiguration({ options, source, target }: WrittenModel<LstmOptions>): Readonly<Record<string, unknown>> {
  const { layers, hidden, attention, inputFeeding } = options;
  return {
    model_type: 'lstm',
    is_encoder_decoder: source !== undefined,
    vocab_size: source?.size ?? target.size,
    decoder_vocab_size: target.size,
    num_layers: layers,
    hidden_size: hidden,
    attention,
    input_feeding: inputFeeding,
    ...(source === undefined ? languageModelIds(target.special) : encoderDecoderIds(target.special)),
  };
}
