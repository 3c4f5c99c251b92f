import { useEffect, useRef, useState } from 'preact/hooks';
import { pack, type TrainingInput, train } from '../../src/browser/index.js';
import { composeLesson } from '../learning/recipe.js';
import { keepModel } from '../models/kept-models.js';
import { messageOf } from '../models/use-model.js';

const updates = 240;

/** A small Transformer, large enough for the sentences of the quickstart. */
function configurationOf(text: string): TrainingInput {
  return {
    data: { train: [text], context: 32 },
    tokenizer: { kind: 'byte-bpe', size: 700 },
    model: { kind: 'transformer', decoderLayers: 2, width: 64, heads: 4, feedForward: 256, dropout: 0 },
    training: {
      optimizer: { kind: 'adam', learningRate: 0.003 },
      ...{ batch: { sentences: 16 }, stop: { steps: updates }, checkpoint: { every: { steps: updates }, keep: 1 } },
    },
  };
}

/** Trains a language model in the page and keeps it in the browser. `onTrained` is called when it is there. */
export function SmallLanguageModel({ onTrained }: { readonly onTrained: () => void }) {
  const [said, say] = useState<string>();
  const leave = useRef(new AbortController());
  useEffect(() => () => leave.current.abort(), []);
  const learn = async () => {
    const { signal } = leave.current;
    try {
      say('Reading …');
      const { pairs } = await composeLesson();
      const run = await train(configurationOf(pairs.map(([source]) => source).join('\n')), {
        signal,
        onEvent(event) {
          if (event.kind === 'update') say(`Update ${event.steps} of ${updates}, loss ${event.loss.toFixed(2)}`);
        },
      });
      if (signal.aborted) return;
      const { blob } = await pack(run);
      await keepModel({ name: 'A small language model', blob, from: undefined, to: undefined, time: Date.now() });
      onTrained();
    } catch (error) {
      say(messageOf(error));
    }
  };
  return (
    <section aria-labelledby="next">
      <h2 id="next">What it expects next</h2>
      <p>
        A translator answers; a language model only goes on with a text, and says at every place what may come next. Choose one above, or
        train a small one here on the English half of the sentences that the translators learn from. It takes about a minute.
      </p>
      <button type="button" disabled={said !== undefined} onClick={learn}>
        Train a language model
      </button>
      <p class="note" role="status">
        {said}
      </p>
    </section>
  );
}
