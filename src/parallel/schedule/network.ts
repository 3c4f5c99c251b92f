import { DecadeError } from '../../core/errors.js';
import type { Model } from '../../models/model.js';
import type { AttentiveSizes, LayerSizes, RecurrentSizes } from '../../models/summary.js';
import type { Parameter } from '../../nn/parameters.js';
import type { OptimizerOptions } from '../../training/optimizer-options.js';
import type { Range } from './placement.js';

/** What a schedule must know of a network and of what changes its values. */
export interface Network extends RecurrentSizes {
  /** Parts that are placed one by one: a layer of both sides where they go from step to step, of one side where they see whole sentences. */
  readonly layers: number;
  /** Undefined for layers that go from step to step. */
  readonly sight?: LayerSight | undefined;
  readonly targetVocabulary: number;
  /** Every learnt value, in the order in which devices exchange gradients. */
  readonly parameters: readonly Pick<Parameter, 'shape' | 'size' | 'rules'>[];
  readonly optimizer: OptimizerOptions;
}

/** Of layers that see whole sentences at once. */
export interface LayerSight extends Pick<AttentiveSizes, 'operationsPerSight'> {
  /** Of each layer of the decoder, per row of the source that it looks at: its keys and values. */
  readonly operationsPerSourceRow: number;
  /** Whether the decoder reads the source and goes on with the target. */
  readonly readsOn: boolean;
}

/** What the rows of a layer see, on average. */
export interface SeenRows {
  /** Rows that each looks at, of its own sentence and of the source. */
  readonly looked: number;
  /** Rows of the source for each of its own, of which keys and values are made. */
  readonly sourceRows: number;
}

/** A layer of one side, attention, or a slice of the output layer and its softmax. */
export type NetworkStage =
  | { readonly part: 'encoder' | 'decoder'; readonly layer: number; readonly sees?: SeenRows | undefined }
  /** `sourceSteps`: steps that a query looks at; `keysPerQuery`: steps of all sources by queries. */
  | { readonly part: 'attention'; readonly sourceSteps: number; readonly keysPerQuery: number }
  | { readonly part: 'output'; readonly vocabulary: Range };

/** Of a model, which need not be allocated. Throws `usage` for one that says nothing of its layers. */
export function networkOf(model: Pick<Model, 'summary' | 'vocabularies' | 'parameters'>, optimizer: OptimizerOptions): Network {
  const { recurrent, attentive, description } = model.summary;
  const parameters = Array.from(model.parameters, ({ shape, size, rules }) => ({ shape, size, rules }));
  const common = { targetVocabulary: model.vocabularies.target, parameters, optimizer };
  if (recurrent !== undefined) return { ...recurrent, ...common };
  if (attentive !== undefined) return { ...attentiveNetwork(attentive, model), ...common };
  throw new DecadeError('usage', {
    where: 'simulation, model.kind',
    received: description,
    allowed: 'a network of recurrent or attentive layers',
  });
}

/** Its layers by what their parameters cost; attention is a part of each of them. */
function attentiveNetwork(
  { encoderLayers, decoderLayers, hidden, operationsPerSight }: AttentiveSizes,
  { parameters, vocabularies }: Pick<Model, 'parameters' | 'vocabularies'>,
): Omit<Network, 'targetVocabulary' | 'parameters' | 'optimizer'> {
  const of = (part: 'encoder' | 'decoder', layer: number) =>
    Array.from(parameters).filter(({ name }) => name.startsWith(`${part}.${layer}.`));
  const cost = (those: readonly Parameter[]) => 2 * those.reduce((sum, { rules }) => sum + rules.cost, 0);
  const isOfSource = ({ rules }: Parameter) => rules.side === 'source';
  const layersOf = (part: 'encoder' | 'decoder', count: number): LayerSizes[] =>
    Array.from({ length: count }, (_, layer) => {
      const own = of(part, layer);
      const operations = cost(part === 'encoder' ? own : own.filter((parameter) => !isOfSource(parameter)));
      return { inputs: hidden, operations, values: own.reduce((sum, { size }) => sum + size, 0) };
    });
  return {
    layers: encoderLayers + decoderLayers,
    encoder: layersOf('encoder', encoderLayers),
    decoder: layersOf('decoder', decoderLayers),
    hidden,
    attention: 'none',
    attentionOperations: { perQuery: 0, perStep: 0, perKey: 0 },
    inputFeeding: false,
    bidirectional: false,
    residual: true,
    sight: {
      operationsPerSight,
      operationsPerSourceRow: cost(of('decoder', 0).filter(isOfSource)),
      readsOn: vocabularies.source !== undefined && encoderLayers === 0,
    },
  };
}

/** Which of the parts that are placed a layer belongs to. */
export function placedPart({ sight, encoder }: Network, part: 'encoder' | 'decoder', layer: number): number {
  return sight === undefined || part === 'encoder' ? layer : encoder.length + layer;
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
    default: {
      const { operations } = sizesOf(network, stage);
      const { operationsPerSight = 0, operationsPerSourceRow = 0 } = network.sight ?? {};
      const { looked = 0, sourceRows = 0 } = stage.sees ?? {};
      return operations + operationsPerSight * looked + operationsPerSourceRow * sourceRows;
    }
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
