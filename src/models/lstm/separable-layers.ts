import { DecadeError, type ErrorParts } from '../../core/errors.js';
import { type Model, specialIds } from '../model.js';
import { packBatch } from './batch.js';
import type { LayeredModel } from './layered.js';
import { LstmModel } from './lstm.js';
import type { LstmOptions } from './options.js';

/** Options that tie layers together, why, and what would do without. */
const ties: readonly { tied(options: LstmOptions): boolean; key: keyof LstmOptions; reason: string; instead: string }[] = [
  {
    key: 'bidirectional',
    tied: ({ bidirectional }) => bidirectional,
    reason: 'which must read a whole sentence before the next layer can start',
    instead: 'false',
  },
  {
    key: 'inputFeeding',
    tied: ({ inputFeeding }) => inputFeeding,
    reason: 'which allows no layer to start a step before all have finished the previous one',
    instead: 'false',
  },
  {
    key: 'attention',
    tied: ({ attention }) => attention !== 'none',
    reason: 'which needs the whole source on the device of the top layer',
    instead: 'none',
  },
  {
    key: 'tiedEmbeddings',
    tied: ({ tiedEmbeddings }) => tiedEmbeddings,
    reason: 'which the first layer and every slice of the softmax would share',
    instead: 'false',
  },
];

/** Why layers cannot be on different devices, as a pipeline would have them, as a `usage` error; undefined where they can. */
export function whyNotLayered(model: Model): DecadeError | undefined {
  const reason = reasonNotLayered(model);
  return reason && new DecadeError('usage', reason);
}

function reasonNotLayered(model: Model): ErrorParts | undefined {
  if (!(model instanceof LstmModel)) return noLayers;
  return model.vocabularies.source === undefined ? noEncoder : tieBetweenLayers(model.options);
}

/** The layers of a model one by one. Throws `usage`, with the reason, where they cannot be parted. */
export function layersOf(model: Model): LayeredModel {
  const refusal = whyNotLayered(model);
  if (refusal !== undefined) throw refusal;
  return layered(model as LstmModel);
}

function layered({ encoder, decoder, options, parameters, vocabularies }: LstmModel): LayeredModel {
  if (encoder === undefined) throw new Error('a language model has no encoder to cut');
  const { weight, bias } = decoder.output;
  if (bias === undefined) throw new Error('the output layer of an LSTM has a bias');
  return {
    layers: options.layers,
    output: { weight, bias },
    parametersOf: (part, layer) => {
      const embedding = part === 'encoder' ? 'source.embedding.' : 'target.embedding.';
      return Array.from(parameters).filter(
        ({ name }) => name.startsWith(`${part}.${layer}.`) || (layer === 0 && name.startsWith(embedding)),
      );
    },
    pack: (pairs) => packBatch(pairs, options.reverseSource, specialIds(vocabularies).target),
    runLayer(part, layer, pass, { below, before, layout, keys }) {
      return (part === 'encoder' ? encoder : decoder).layer(layer, pass, below, before, layout, keys);
    },
  };
}

const noLayers: ErrorParts = {
  where: 'pipeline, model.kind',
  received: 'a model that cannot be split into layers',
  allowed: 'an LSTM encoder-decoder as in the 2014 paper',
  next: 'use training.parallel.strategy=data',
};

const noEncoder: ErrorParts = { ...noLayers, where: 'pipeline, data.train.text', received: 'a language model, which has no encoder' };

function tieBetweenLayers(options: LstmOptions): ErrorParts | undefined {
  const tie = ties.find(({ tied }) => tied(options));
  if (tie === undefined) return undefined;
  return {
    where: `pipeline, model.${tie.key}`,
    received: `${options[tie.key]}, ${tie.reason}`,
    allowed: 'an LSTM encoder-decoder as in the 2014 paper (dropout and residual connections are allowed)',
    next: `use training.parallel.strategy=data, or set model.${tie.key}=${tie.instead}`,
  };
}
