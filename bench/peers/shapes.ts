import { type BenchShape, benchShape, benchTokens, declaredModel } from '../../src/analysis/cost/bench-shapes.js';
import { NoResult } from './program.js';
import type { TorchJob } from './torch-contender.js';

/** Products keep their shapes but for their rows. */
const briefLength = 5;
const briefShare = 1 / 8;

/**
 * An update of a shape of `decade bench` for torch_training.py.
 *
 * @param processes  that divide the batch
 * @throws DecadeError `usage` for an unknown shape
 */
export function trainingJob(name: string, processes: number, precision: string, brief = false): TorchJob {
  const named = benchShape(name);
  const shape = brief ? briefly(named, processes) : named;
  const { network, ...sizes } = sizesOf(shape);
  return {
    options: { network, ...sizes, precision },
    words: benchTokens(shape),
    stateMiB: stateMiB(shape),
    attends: network !== 'lstm',
    compiles: network !== 'lstm',
  };
}

/** A search of a Transformer with an encoder for torch_shape_decoding.py; undefined for other networks. */
export function decodingShapeJob(name: string, processes: number, beam: number, brief = false): TorchJob | undefined {
  const named = benchShape(name);
  const shape = brief ? briefly(named, processes) : named;
  const { network, ...sizes } = sizesOf(shape);
  if (network !== 'transformer') return undefined;
  return { options: { ...sizes, beam }, words: shape.sentences * shape.length, attends: true, compiles: false };
}

/** Parameters, moments, and a gradient for each of the devices that share them. */
export function stateMiB(shape: BenchShape, devices = 1): number {
  const valuesPerParameter = (shape.optimizer.kind === 'adam' ? 3 : 1) + devices;
  return (4 * valuesPerParameter * declaredModel(shape).parameters.count) / 1024 ** 2;
}

function briefly(shape: BenchShape, processes: number): BenchShape {
  if (shape.model.kind === 'lstm') return { ...shape, length: Math.min(briefLength, shape.length) };
  return { ...shape, sentences: processes * Math.ceil((briefShare * shape.sentences) / processes) };
}

/** What the classes of torch_networks.py are made with. */
function sizesOf({ model, sourceVocabulary, targetVocabulary: vocabulary, sentences, length }: BenchShape) {
  const batch = { vocabulary, sentences, length };
  if (model.kind === 'lstm') {
    return { network: 'lstm', width: model.hidden, inner: 0, heads: 0, layers: model.layers, ...batch } as const;
  }
  if (model.kind !== 'transformer') throw new NoResult(`${String((model as { kind: string }).kind)}: PyTorch's side has no such network`);
  const { width, heads, feedForward: inner, decoderLayers: layers } = model;
  return { network: sourceVocabulary === undefined ? 'language-model' : 'transformer', width, inner, heads, layers, ...batch } as const;
}
