import { Failure } from '../drawings/failure.js';
import { HeatMap } from '../drawings/heat-map.js';
import { count } from '../drawings/figures.js';
import { wordAttention, wordsOf } from '../translation/words.js';
import { HeldOut, isRight } from './held-out.js';
import type { Learner, Progress } from './learner.js';
import { LossCurve } from './loss-curve.js';
import { networks, updates } from './recipe.js';

const phases: Readonly<Record<Progress['phase'], string>> = {
  new: 'knows nothing yet',
  preparing: 'reading the examples …',
  learning: '',
  pausing: 'pausing …',
  paused: 'paused',
  finished: 'finished',
  failed: 'stopped',
};

/** A network that knows little may not find an end. */
const mostRows = 8;

/** A network as it learns. */
export function LearnerView({ learner }: { readonly learner: Learner }) {
  const { phase, failure, parameters, step, wordsPerSecond, losses, begun, attempts, attention, attemptedAt } = learner.progress;
  const right = attempts.filter(isRight).length;
  const isStill = phase === 'paused' || phase === 'finished';
  const spoken = isStill ? `${phases[phase]}, ${right} of ${attempts.length} sentences right` : phases[phase] || phase;
  const rate = phase === 'learning' && wordsPerSecond !== undefined ? `${count(wordsPerSecond)} words/s` : phases[phase];
  return (
    <section class="learner" aria-label={networks[learner.network]}>
      <h2>
        {networks[learner.network]}
        <small>
          {[parameters && `${count(parameters)} parameters`, `update ${count(step)} of ${count(updates.total)}`, rate]
            .filter(Boolean)
            .join(' · ')}
        </small>
      </h2>
      <Failure message={failure} />
      {/* Figures change faster than they can be read aloud. */}
      <p class="hidden" role="status">
        {`${networks[learner.network]}: ${spoken}`}
      </p>
      <div class="figures">
        <div>
          <h3>Loss</h3>
          <p>
            How surprised it is by the right next piece of French, in nats. At 7.6 it guesses among all 2,000 pieces; at 0.1 it is all but
            sure.
          </p>
          <LossCurve losses={losses} begun={begun} />
        </div>
        <div>
          <h3>Where it looks</h3>
          <p>Each row is a word that it wrote for the first sentence below, each column a word of the source.</p>
          {attention === undefined ? (
            <p class="note">It has written nothing yet.</p>
          ) : (
            <Attention source={attempts[0]?.source ?? ''} written={attempts[0]?.written ?? ''} map={attention} />
          )}
        </div>
      </div>
      <h3>
        Sentences it has never seen: {right} of {attempts.length} right
      </h3>
      <p>New combinations of known words. None of them is trained on.{attemptedAt > 0 && ` As after update ${count(attemptedAt)}.`}</p>
      <HeldOut attempts={attempts} />
    </section>
  );
}

function Attention({ source, written, map }: { source: string; written: string; map: NonNullable<Progress['attention']> }) {
  const columns = wordsOf(map.source, source);
  const rows = wordsOf(map.target.slice(0, -1), written).slice(0, mostRows);
  const weights = wordAttention(rows, columns, map.weights);
  return (
    <HeatMap
      caption="Attention of each written word to the words of the source"
      rows={rows.map(({ text }) => text)}
      columns={columns.map(({ text }) => text)}
      weight={(row, column) => weights[row]?.[column] ?? 0}
    />
  );
}
