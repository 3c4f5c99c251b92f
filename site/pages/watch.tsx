import { render } from 'preact';
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { onceAFrame } from '../drawings/once-a-frame.js';
import { messageOf } from '../models/use-model.js';
import { keepModel } from '../models/kept-models.js';
import { Learner } from '../learning/learner.js';
import { LearnerView } from '../learning/learner-view.js';
import { composeLesson, languages, type Lesson, type Network, networks, usualRate } from '../learning/recipe.js';

const choices: readonly { readonly name: string; readonly networks: readonly Network[] }[] = [
  { name: networks.lstm, networks: ['lstm'] },
  { name: networks.transformer, networks: ['transformer'] },
  { name: 'both, side by side', networks: ['lstm', 'transformer'] },
];
/** Of the slider, which shows powers of ten; 1: as in the quickstart. */
const [least, greatest] = [-1, 1];

function Watch() {
  const [lesson, setLesson] = useState<Lesson>();
  const [choice, setChoice] = useState(0);
  const [power, setPower] = useState(0);
  const [, draw] = useReducer((count: number) => count + 1, 0);
  const changed = useMemo(() => onceAFrame(() => draw(undefined)), []);
  const [learners, setLearners] = useState<readonly Learner[]>([]);
  const begin = (of: Lesson, chosen: number) => {
    for (const learner of learners) learner.pause();
    setLearners((choices[chosen]?.networks ?? []).map((network) => new Learner(network, of, changed)));
  };
  useEffect(() => {
    void composeLesson().then((composed) => {
      setLesson(composed);
      begin(composed, choice);
    });
  }, []);
  const phases = learners.map(({ progress }) => progress.phase);
  const is = (...wanted: readonly string[]) => phases.length > 0 && phases.every((phase) => wanted.includes(phase));
  const isLearning = phases.some((phase) => ['preparing', 'learning', 'pausing'].includes(phase));
  const rateOf = (network: Network) => usualRate(network) * 10 ** power;
  const learn = () => {
    for (const learner of learners) if (learner.progress.phase !== 'finished') void learner.learn(rateOf(learner.network));
  };
  return (
    <>
      <div class="settings">
        <fieldset disabled={isLearning}>
          <legend>Network</legend>
          <div class="choices">
            {choices.map(({ name }, index) => (
              <label key={name}>
                <input
                  type="radio"
                  name="network"
                  checked={choice === index}
                  onChange={() => {
                    setChoice(index);
                    if (lesson !== undefined) begin(lesson, index);
                  }}
                />
                {name}
              </label>
            ))}
          </div>
        </fieldset>
        <label>
          <span>
            Learning rate:{' '}
            <span class="figure">
              {[...new Set((choices[choice]?.networks ?? []).map((network) => rateOf(network).toPrecision(2)))].join(' and ')}
            </span>
          </span>
          <input
            type="range"
            min={least}
            max={greatest}
            step={0.1}
            value={power}
            disabled={isLearning}
            aria-valuetext={rateOf(choices[choice]?.networks[0] ?? 'lstm').toPrecision(2)}
            onInput={({ currentTarget }) => setPower(Number(currentTarget.value))}
          />
        </label>
      </div>
      <div class="actions">
        {isLearning ? (
          <button type="button" class="first" disabled={is('pausing')} onClick={() => learners.forEach((learner) => void learner.pause())}>
            Pause
          </button>
        ) : (
          <button type="button" class="first" disabled={lesson === undefined || is('finished')} onClick={learn}>
            {is('new') || learners.length === 0 ? 'Start' : 'Go on'}
          </button>
        )}
        <button type="button" disabled={isLearning || lesson === undefined || is('new')} onClick={() => lesson && begin(lesson, choice)}>
          Start over
        </button>
        <Keep learners={learners} />
      </div>
      <p class="note">
        {is('paused')
          ? 'Change the learning rate and go on: too high and it forgets, too low and it crawls.'
          : '12,000 pairs that this browser’s language data make. Pause at any time, to change the learning rate or to keep the model.'}
      </p>
      <div class={learners.length > 1 ? 'learners two' : 'learners'}>
        {learners.map((learner) => (
          <LearnerView key={learner.network} learner={learner} />
        ))}
      </div>
    </>
  );
}

/** Keeps models in the browser, for the other pages. */
function Keep({ learners }: { readonly learners: readonly Learner[] }) {
  const [said, setSaid] = useState<{ readonly of: readonly Learner[]; readonly failure?: string }>();
  const isStill = learners.length > 0 && learners.every(({ progress: { phase } }) => phase === 'paused' || phase === 'finished');
  if (!isStill) return null;
  const keep = async () => {
    try {
      for (const learner of learners) {
        const blob = await learner.packed();
        if (blob !== undefined) await keepModel({ name: networks[learner.network], blob, ...languages, time: Date.now() });
      }
      setSaid({ of: learners });
    } catch (error) {
      setSaid({ of: learners, failure: messageOf(error) });
    }
  };
  return (
    <>
      <button type="button" onClick={keep}>
        Keep {learners.length > 1 ? 'the models' : 'the model'}
      </button>
      <span role="status">
        {said?.of === learners &&
          (said.failure ?? (
            <>
              Kept. <a href="index.html">Translate with it</a>, or <a href="inside.html">look inside</a>.
            </>
          ))}
      </span>
    </>
  );
}

render(<Watch />, document.querySelector('#app') as HTMLElement);
