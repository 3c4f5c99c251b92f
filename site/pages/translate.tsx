import { render } from 'preact';
import { useState } from 'preact/hooks';
import { Failure } from '../drawings/failure.js';
import { languageOf, type ListedModel } from '../models/catalogue.js';
import { ModelChoice } from '../models/model-choice.js';
import { useModel } from '../models/use-model.js';
import { Alternatives } from '../translation/alternatives.js';
import { AttentionLines } from '../translation/attention-lines.js';
import { isUnlikely } from '../translation/reading.js';
import { TranslationText } from '../translation/translation-text.js';
import { useReadings } from '../translation/use-readings.js';

const mostLines = 40;
/** What a model of the quickstart can translate. */
const examples = ['3 weeks ago', 'Monday, January 19, 2004', '2 liters per day and 1.5 meters per day', 'Mexico, Spain, and Japan'];

function Translate() {
  const [listed, setListed] = useState<ListedModel>();
  const [text, setText] = useState('');
  const [line, setLine] = useState(0);
  const [rank, setRank] = useState(0);
  const state = useModel(listed);
  const lines = text.split('\n').slice(0, mostLines);
  const { readings, milliseconds, isBehind, failure } = useReadings(listed, state, lines);
  const reading = readings[Math.min(line, readings.length - 1)];
  const alternative = reading?.alternatives[rank] ?? reading?.alternatives[0];
  const isLanguageModel = state.kind === 'ready' && !state.model.hasSource;
  const isReady = listed !== undefined && (listed.source === undefined || state.kind === 'ready');
  const type = (value: string, caret: number) => {
    setText(value);
    setLine(value.slice(0, caret).split('\n').length - 1);
    setRank(0);
  };
  return (
    <>
      <ModelChoice chosen={listed} state={state} onChoose={setListed} served />
      {isLanguageModel && (
        <p>
          This is a language model: it writes, but translates nothing. <a href="inside.html">Look inside it</a>.
        </p>
      )}
      <div class="panes">
        <label>
          <span>{listed?.from === undefined ? 'Text' : languageOf(listed.from)}</span>
          <textarea
            rows={4}
            spellcheck={false}
            lang={listed?.from}
            placeholder="Type here"
            value={text}
            onInput={({ currentTarget }) => type(currentTarget.value, currentTarget.selectionStart)}
            onSelect={({ currentTarget }) => type(currentTarget.value, currentTarget.selectionStart)}
          />
        </label>
        <div>
          <span id="translation">{listed?.to === undefined ? 'Translation' : languageOf(listed.to)}</span>
          <output aria-labelledby="translation" aria-live="polite" lang={listed?.to} class={isBehind ? 'behind' : undefined}>
            {readings.map(({ alternatives }, index) => {
              const shown = alternatives[index === line ? rank : 0] ?? alternatives[0];
              return <p key={index}>{shown === undefined ? '\u00a0' : <TranslationText alternative={shown} />}</p>;
            })}
          </output>
        </div>
      </div>
      {isReady && (
        <p class="note where">
          {listed.source === undefined
            ? 'Translated by the server that this page came from.'
            : 'Translated on this device. Nothing that you type leaves it.'}
        </p>
      )}
      <Failure message={failure} />
      {isReady && text === '' && listed.from?.startsWith('en') && (
        <p class="examples">
          <span>Try</span>
          {examples.map((example) => (
            <button key={example} type="button" onClick={() => type(example, 0)}>
              {example}
            </button>
          ))}
        </p>
      )}
      {reading !== undefined && alternative !== undefined && (
        <>
          <section aria-labelledby="looked">
            <h2 id="looked">What it looked at</h2>
            <p>
              Each word of the translation is written one piece at a time. Before each piece the model looks back at the source; the
              stronger the line, the more it looked there.
            </p>
            <AttentionLines reading={reading} alternative={alternative} />
            <Marks hasUnknown={reading.source.some(({ isUnknown }) => isUnknown)} hasUnlikely={alternative.words.some(isUnlikely)} />
          </section>
          <section aria-labelledby="else">
            <h2 id="else">What else it considered</h2>
            <p>
              Beam search keeps several translations in play. The percentage is the probability that the model gives to the whole line; the
              score, by which they are ranked, is its logarithm corrected for length.
            </p>
            <Alternatives reading={reading} chosen={rank} onChoose={setRank} />
            <p class="note">
              {Math.round(milliseconds)} ms
              {state.kind === 'ready' &&
                ` on ${state.model.threads === 1 ? 'one thread' : `${state.model.threads} threads`} of this device`}
            </p>
          </section>
        </>
      )}
    </>
  );
}

function Marks({ hasUnknown, hasUnlikely }: { readonly hasUnknown: boolean; readonly hasUnlikely: boolean }) {
  return (
    <p class="note">
      {hasUnknown && (
        <>
          <span class="unknown">Dotted</span>: the model has never seen this word, and can only guess.{' '}
        </>
      )}
      {hasUnlikely && (
        <>
          <span class="unlikely">Wavy</span>: it found another word more likely than not.
        </>
      )}
    </p>
  );
}

render(<Translate />, document.querySelector('#app') as HTMLElement);
