import { useEffect, useRef, useState } from 'preact/hooks';
import type { BrowserModel } from '../../src/browser/index.js';
import { onceAFrame } from '../drawings/once-a-frame.js';
import { count } from '../drawings/figures.js';
import { messageOf } from '../models/use-model.js';
import { LineInput } from './line-input.js';

/** Tokens after which it stops by itself. */
const longest = 256;
const greatestSeed = 0xffff_ffff;

/** A text as it is written. */
interface Writing {
  /** As the model reads it. */
  readonly beginning: string;
  readonly text: string;
  /** How it ended; undefined while it goes on. */
  readonly ending: string | undefined;
  readonly hasFailed: boolean;
}

const endings = {
  end: 'The model ended the text',
  length: `Stopped at ${count(longest)} tokens, the most that are written here`,
  stop: 'Stopped',
} as const;

/** What a language model writes after a text, piece by piece, with the temperature and the seed that are asked for. */
export function Continuation({ model, example }: { readonly model: BrowserModel; readonly example: string }) {
  const [text, setText] = useState(example);
  const [temperature, setTemperature] = useState(0.8);
  const [seed, setSeed] = useState(1);
  const [writing, setWriting] = useState<Writing>();
  const running = useRef<AbortController | undefined>(undefined);
  const isWriting = writing !== undefined && writing.ending === undefined;
  useEffect(() => {
    setText(example);
    setWriting(undefined);
    return () => {
      running.current?.abort();
      running.current = undefined;
    };
  }, [model]);
  const write = async () => {
    running.current?.abort();
    const stop = new AbortController();
    running.current = stop;
    const begun: Writing = { beginning: text, text: '', ending: undefined, hasFailed: false };
    let latest = begun;
    const show = () => {
      if (running.current === stop) setWriting(latest);
    };
    show();
    const changed = onceAFrame(show);
    for await (latest of writings(model, begun, { temperature, seed }, stop.signal)) changed();
    show();
  };
  return (
    <section aria-labelledby="goes-on">
      <h2 id="goes-on">How it goes on</h2>
      <p>
        To write, a language model draws one token after another from what it expects next. The lower the temperature, the more it keeps to
        what is likeliest; at 0 it draws nothing else. The same seed draws the same text again.
      </p>
      <LineInput label="Beginning" value={text} onChange={setText} />
      <div class="settings">
        <label>
          <span>
            Temperature: <span class="figure">{temperature.toFixed(1)}</span>
          </span>
          <input
            type="range"
            min={0}
            max={2}
            step={0.1}
            value={temperature}
            aria-valuetext={temperature.toFixed(1)}
            onInput={({ currentTarget }) => setTemperature(Number(currentTarget.value))}
          />
        </label>
        <label>
          <span>Seed</span>
          <input
            type="number"
            min={0}
            max={greatestSeed}
            step={1}
            required
            value={seed}
            onInput={({ currentTarget: { valueAsNumber, validity } }) => validity.valid && setSeed(valueAsNumber)}
          />
        </label>
      </div>
      <div class="actions">
        <button type="button" class="first" onClick={isWriting ? () => running.current?.abort() : write}>
          {isWriting ? 'Stop' : 'Write'}
        </button>
      </div>
      {/* While it is written it changes faster than it can be read aloud. */}
      <output class="written" aria-label="What it wrote" aria-live="polite" aria-busy={isWriting}>
        {writing !== undefined && (
          <>
            <span class="beginning">{writing.beginning}</span>
            {writing.text}
          </>
        )}
      </output>
      <p class={writing?.hasFailed ? 'failure' : 'note'} role="status">
        {writing?.ending}
      </p>
    </section>
  );
}

/** What has begun, after each piece that is written. It does not throw: the last one says how it ended. */
async function* writings(
  model: BrowserModel,
  begun: Writing,
  drawn: { readonly temperature: number; readonly seed: number },
  signal: AbortSignal,
): AsyncGenerator<Writing, void, undefined> {
  let written = begun;
  let ending: string = endings.stop;
  let cut: string | undefined;
  const start = performance.now();
  try {
    const pieces = model.generate(begun.beginning, {
      ...drawn,
      maximumLength: longest,
      signal,
      onPrompt: ({ text: beginning, warning }) => {
        written = { ...written, beginning };
        cut = warning?.message;
      },
      onEnd: ({ tokens, ending: kind }) => {
        ending = `${endings[kind]}. ${count((1000 * tokens) / (performance.now() - start))} tokens per second`;
      },
    });
    for await (const piece of pieces) {
      written = { ...written, text: written.text + piece };
      yield written;
    }
    yield { ...written, ending: [`${ending}.`, cut].filter(Boolean).join(' ') };
  } catch (error) {
    yield { ...written, ending: signal.aborted ? `${endings.stop}.` : messageOf(error), hasFailed: !signal.aborted };
  }
}
