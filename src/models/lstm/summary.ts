import type { ModelSummary } from '../summary.js';
import type { LstmOptions } from './options.js';

/** What an LSTM with these options says of itself. */
export function lstmSummary(options: LstmOptions): ModelSummary {
  const { layers, hidden, embedding, attention, inputFeeding, bidirectional, residual, reverseSource, initialRange } = options;
  const attends = attention !== 'none';
  return {
    runName: `${reverseSource ? 'reversed' : 'forward'}-${layers}x${hidden}${attends ? `-${attention}` : ''}`,
    description: `LSTM, ${layers} ${layers === 1 ? 'layer' : 'layers'} of ${hidden} cells a side, ${attends ? attention : 'no'} attention`,
    speedClass: `${layers}x${hidden}${attends ? `, ${attention} attention` : ''}${residual ? ', residual' : ''}`,
    // Four gates, each read from as many states.
    typicalWeights: [4 * hidden, hidden],
    sizeKeys: ['model.hidden', 'model.embedding'],
    calmerStart: `model.initialRange=${Number((initialRange / 2).toPrecision(2))}`,
    recurrent: { layers, hidden, embedding, attention, inputFeeding, bidirectional, residual },
  };
}
