import type { VocabularySizes } from '../model.js';
import type { LayerSizes, ModelSummary, RecurrentSizes } from '../summary.js';
import type { LstmOptions } from './options.js';

/** What an LSTM with these options says of itself. */
export function lstmSummary(options: LstmOptions, { source }: VocabularySizes): ModelSummary {
  const { layers, hidden, attention, residual, reverseSource, initialRange } = options;
  const attends = attention !== 'none';
  const hasSource = source !== undefined;
  const cells = `${layers} ${layers === 1 ? 'layer' : 'layers'} of ${hidden} cells`;
  return {
    runName: `${hasSource ? (reverseSource ? 'reversed-' : 'forward-') : ''}${layers}x${hidden}${attends ? `-${attention}` : ''}`,
    description: hasSource ? `LSTM, ${cells} per side, ${attends ? attention : 'no'} attention` : `LSTM language model, ${cells}`,
    speedClass: `${hasSource ? '' : 'language model '}${layers}x${hidden}${attends ? `, ${attention} attention` : ''}${residual ? ', residual' : ''}`,
    // Four gates, each read from as many states.
    typicalWeights: [4 * hidden, hidden],
    ...(hasSource && attends && { attentionCost: (sourceTokens, targetTokens) => 2 * hidden * sourceTokens * targetTokens }),
    sizeKeys: ['model.hidden', 'model.embedding'],
    calmerStart: `model.initialRange=${Number((initialRange / 2).toPrecision(2))}`,
    recurrent: recurrentSizes(options, hasSource),
  };
}

function recurrentSizes(
  { layers, hidden, embedding, attention, inputFeeding, bidirectional, residual }: LstmOptions,
  hasSource: boolean,
): RecurrentSizes {
  const stack = (lowest: LayerSizes) => [lowest, ...Array.from({ length: layers - 1 }, () => layerSizes(hidden, hidden))];
  // Each of two directions has half of the cells, which read half of the states.
  const states = bidirectional ? hidden / 2 : hidden;
  const product = 2 * hidden * hidden;
  const [attends, isAdditive] = [attention !== 'none', attention === 'additive'];
  return {
    layers,
    encoder: hasSource ? stack(layerSizes(embedding, hidden, states)) : [],
    decoder: stack(layerSizes(embedding + (inputFeeding ? hidden : 0), hidden)),
    hidden,
    attention,
    attentionOperations: {
      // Context and query are joined; additive attention projects queries and keys.
      perQuery: attends ? product * (isAdditive ? 3 : 2) : 0,
      // A score and a weighted sum.
      perStep: attends ? 2 * 2 * hidden : 0,
      perKey: isAdditive ? product : 0,
    },
    inputFeeding,
    bidirectional,
    residual,
  };
}

/** Four gates of every cell, each read from the inputs and from so many states, with a bias. */
function layerSizes(inputs: number, hidden: number, states = hidden): LayerSizes {
  const weights = 4 * hidden * (inputs + states);
  return { inputs, operations: 2 * weights, values: weights + 4 * hidden };
}
