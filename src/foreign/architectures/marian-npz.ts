import * as z from 'zod';
import type { Counterpart } from '../counterparts.js';
import type { ForeignModel, ForeignTensors } from '../foreign-model.js';
import type { ForeignVocabulary } from '../foreign-vocabulary.js';
import { checked } from '../json-file.js';
import { activation, layers, requireOnly, size } from './configuration.js';
import { type LayerNames, type PartNames, stackCounterparts, tableCounterpart } from './layer-names.js';

const configuration = z.looseObject({
  'enc-depth': layers,
  'dec-depth': layers,
  'dim-emb': size,
  'transformer-heads': size,
  'transformer-dim-ffn': size,
  'transformer-ffn-activation': activation,
});

/** What is the same in every model of OPUS-MT; what `special:model.yml` says otherwise is refused. */
const required: Readonly<Record<string, readonly unknown[]>> = {
  type: ['transformer'],
  'transformer-preprocess': [''],
  'transformer-postprocess': ['dan'],
  'transformer-postprocess-emb': ['', 'd'],
  'transformer-postprocess-top': [''],
  'transformer-decoder-autoreg': ['self-attention'],
  'transformer-no-projection': [false],
  'transformer-train-position-embeddings': [false],
  'transformer-tied-layers': [[], '', null],
  'transformer-depth-scaling': [false, true],
  'layer-normalization': [false],
  'right-left': [false],
};

/** What Marian searches with, of `decoder.yml`. */
const decoderConfiguration = z.looseObject({
  'beam-size': z.int().min(1).max(1_000).optional(),
  normalize: z.number().min(0).max(10).optional(),
});

/**
 * Marian's own `.npz` (Junczys-Dowmunt et al. 2018): post-norm, sinusoids in halves from 0. The decoder begins with a vector of zeros,
 * which no token has.
 */
export function marianNpz(
  tensors: ForeignTensors,
  modelYaml: unknown,
  decoderYaml: unknown,
  vocabularies: { readonly source: ForeignVocabulary; readonly target: ForeignVocabulary },
): ForeignModel {
  const where = `${tensors.path}: special:model.yml`;
  const given = checked(modelYaml, where, configuration, 'the configuration of a Transformer of Marian');
  for (const [key, allowed] of Object.entries(required)) {
    if (!allowed.some((value) => JSON.stringify(value) === JSON.stringify(given[key]))) requireOnly(where, key, given[key], allowed);
  }
  const search = checked(decoderYaml ?? {}, 'decoder.yml', decoderConfiguration, 'the options of a search of Marian');
  const sharedTable = tensors.shapes.has('Wemb');
  const [encoderLayers, decoderLayers] = [given['enc-depth'], given['dec-depth']];
  return {
    architecture: 'Transformer of Marian',
    options: {
      kind: 'transformer',
      preset: 'marian',
      encoderLayers,
      decoderLayers,
      width: given['dim-emb'],
      heads: given['transformer-heads'],
      feedForward: given['transformer-dim-ffn'],
      activation: given['transformer-ffn-activation'],
      tiedEmbeddings: sharedTable ? 'all' : 'target',
    },
    ...vocabularies,
    counterparts: marianNpzNames({ encoderLayers, decoderLayers, sharedTable }),
    isUnused: (name) => name === 'special:model.yml',
    decoding: {
      ...(search['beam-size'] !== undefined && { beam: search['beam-size'] }),
      beamWidth: 'constant',
      stopping: 'likely',
      lengthPenalty: { alpha: search.normalize ?? 0 },
    },
    positions: undefined,
  };
}

const parts: PartNames = { weight: 'W', bias: 'b', gain: 'scale', shift: 'bias', isTransposed: true };

function marianNpzNames(sizes: { encoderLayers: number; decoderLayers: number; sharedTable: boolean }): Counterpart[] {
  const { encoderLayers, decoderLayers, sharedTable } = sizes;
  const stack = (side: 'encoder' | 'decoder', layers: number) =>
    stackCounterparts(side, layers, (layer) => layerNames(`${side}_l${layer + 1}`, side), parts);
  return [
    ...(sharedTable
      ? [tableCounterpart('target', 'Wemb')]
      : [tableCounterpart('source', 'encoder_Wemb'), tableCounterpart('target', 'decoder_Wemb')]),
    ...stack('encoder', encoderLayers),
    ...stack('decoder', decoderLayers),
    { name: 'output.bias', theirs: ['decoder_ff_logit_out_b'], tokens: 'target' },
  ];
}

function layerNames(layer: string, side: 'encoder' | 'decoder'): LayerNames {
  const [self, source] = [`${layer}_self`, `${layer}_context`];
  return {
    attention: { norm: `${self}_Wo_ln_*`, projection: [`${self}_*q`, `${self}_*k`, `${self}_*v`], output: `${self}_*o` },
    memory:
      side === 'encoder'
        ? undefined
        : { norm: `${source}_Wo_ln_*`, query: `${source}_*q`, memory: [`${source}_*k`, `${source}_*v`], output: `${source}_*o` },
    feedForward: { norm: `${layer}_ffn_ffn_ln_*`, up: [`${layer}_ffn_*1`], down: `${layer}_ffn_*2` },
  };
}
