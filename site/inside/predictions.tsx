import { useEffect, useState } from 'preact/hooks';
import type { BrowserModel } from '../../src/browser/index.js';
import { Failure } from '../drawings/failure.js';
import { percent } from '../drawings/figures.js';
import { LineInput } from './line-input.js';
import { useAnswer } from './use-answer.js';

const top = 8;
const longest = 200;

interface Place {
  readonly text: string;
  readonly probability: number;
  readonly likeliest: readonly { readonly text: string; readonly probability: number; readonly isWritten: boolean }[];
}

/** What a language model expects at every place of a text. */
export function Predictions({ model, example }: { readonly model: BrowserModel; readonly example: string }) {
  const [text, setText] = useState(example);
  const [chosen, choose] = useState<number>();
  useEffect(() => {
    setText(example);
    choose(undefined);
  }, [model]);
  const { value: places = [], failure } = useAnswer((signal) => placesOf(model, text, signal), [model, text]);
  const at = chosen !== undefined && chosen < places.length ? chosen : mostSurprising(places);
  const place = places[at];
  return (
    <section aria-labelledby="next">
      <h2 id="next">What it expects next</h2>
      <p>
        A language model reads token by token, and gives a probability to everything that may come next. The darker a token, the less it was
        expected. Choose one to see what else could have stood there.
      </p>
      <LineInput label="Text" value={text} onChange={(value) => setText(value.slice(0, longest))} />
      <Failure message={failure} />
      <ol class="tokens" aria-label="Tokens">
        {places.map(({ text: token, probability }, index) => (
          <li key={index}>
            <button
              type="button"
              aria-pressed={index === at}
              aria-label={`${visible(token)}, probability ${percent(probability)}`}
              style={{ '--surprise': Math.min(45, -6 * Math.log2(probability)) }}
              onClick={() => choose(index)}
            >
              {visible(token)}
            </button>
          </li>
        ))}
      </ol>
      {place !== undefined && (
        <>
          <h3 aria-live="polite">
            Here stands “{visible(place.text)}”, with {percent(place.probability)}
          </h3>
          <dl class="bars" aria-label="What it expected here">
            {place.likeliest.map(({ text: token, probability, isWritten }) => [
              <dt key={`${token} token`} class={isWritten ? 'written' : undefined}>
                {visible(token)}
              </dt>,
              <dd key={`${token} bar`} aria-hidden="true">
                <div class="bar" style={{ width: `${100 * probability}%` }} />
              </dd>,
              <dd key={`${token} share`}>{percent(probability)}</dd>,
            ])}
          </dl>
        </>
      )}
    </section>
  );
}

async function placesOf(model: BrowserModel, text: string, signal: AbortSignal): Promise<Place[]> {
  const { ids } = await model.readPrompt(text);
  const predicted = await model.predictions(ids, { top, signal });
  const known = new Map<number, Promise<string>>();
  // Each by itself: a piece depends on those before it only where a character is cut.
  const textOf = (id: number) => {
    const found = known.get(id) ?? model.pieces([id]).then((pieces) => pieces.join(''));
    known.set(id, found);
    return found;
  };
  return Promise.all(
    ids.map(async (id, index) => {
      // A token that begins every text is given, not predicted.
      const { logProbability = 0, likeliest = [] } = predicted[index] ?? {};
      return {
        text: await textOf(id),
        probability: Math.exp(logProbability),
        likeliest: await Promise.all(
          likeliest.map(async (each) => ({
            text: await textOf(each.id),
            probability: Math.exp(each.logProbability),
            isWritten: each.id === id,
          })),
        ),
      };
    }),
  );
}

/** Where something else was expected most, but for the first token, before which there is nothing. */
function mostSurprising(places: readonly Place[]): number {
  const probabilities = places.slice(1).map(({ probability }) => probability);
  return 1 + probabilities.indexOf(Math.min(...probabilities));
}

/** White space can be seen. */
function visible(token: string): string {
  return token === '' ? '∅' : token.replaceAll('\n', '↵').replace(/^ +| +$/g, (spaces) => '·'.repeat(spaces.length));
}
