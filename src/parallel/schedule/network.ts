import { DecadeError } from '../../core/errors.js';
import type { Model } from '../../models/model.js';
import type { LayerSizes, RecurrentSizes } from '../../models/summary.js';
import type { Parameter } from '../../nn/parameters.js';
import type { OptimizerOptions } from '../../training/optimizer-options.js';
import type { Range } from './placement.js';

/** What a schedule must know of an encoder-decoder and of what changes its values. */
export interface Network extends RecurrentSizes {
  readonly targetVocabulary: number;
  /** Every learnt value, in the order in which devices exchange gradients. */
  readonly parameters: readonly Pick<Parameter, 'shape' | 'size' | 'rules'>[];
  readonly optimizer: OptimizerOptions;
}

/** A layer of one side, attention, or a slice of the output layer and its softmax. */
export type NetworkStage =
  | { readonly part: 'encoder' | 'decoder'; readonly layer: number }
  /** `sourceSteps`: steps that a query looks at; `keysPerQuery`: steps of all sources by queries. */
  | { readonly part: 'attention'; readonly sourceSteps: number; readonly keysPerQuery: number }
  | { readonly part: 'output'; readonly vocabulary: Range };

/** Of a model, which need not be allocated. Throws `usage` for one that is not an encoder-decoder of recurrent layers. */
export function networkOf(model: Pick<Model, 'summary' | 'vocabularies' | 'parameters'>, optimizer: OptimizerOptions): Network {
  const { recurrent, description } = model.summary;
  if (recurrent === undefined) {
    throw new DecadeError('usage', {
      where: 'simulation, model.kind',
      received: description,
      allowed: 'an encoder-decoder of recurrent layers',
    });
  }
  const parameters = Array.from(model.parameters, ({ shape, size, rules }) => ({ shape, size, rules }));
  return { ...recurrent, targetVocabulary: model.vocabularies.target, parameters, optimizer };
}

/** Floating-point operations of a forward pass of a stage, per row. Each of its two gradients takes as many. */
export function operationsOf({ hidden, attentionOperations, ...network }: Network, stage: NetworkStage): number {
  switch (stage.part) {
    case 'output':
      return 2 * hidden * (stage.vocabulary.to - stage.vocabulary.from);
    case 'attention': {
      const { perQuery, perStep, perKey } = attentionOperations;
      return perQuery + perStep * stage.sourceSteps + perKey * stage.keysPerQuery;
    }
    default:
      return sizesOf(network, stage).operations;
  }
}

/** Sizes of a layer. */
export function sizesOf(
  network: Pick<Network, 'encoder' | 'decoder'>,
  { part, layer }: Extract<NetworkStage, { layer: number }>,
): LayerSizes {
  const sizes = network[part][layer];
  if (sizes === undefined) throw new RangeError(`the ${part} has no layer ${layer}`);
  return sizes;
}
