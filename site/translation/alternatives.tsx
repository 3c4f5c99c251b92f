import { percent } from '../drawings/figures.js';
import type { Reading } from './reading.js';

interface AlternativesProps {
  readonly reading: Reading;
  readonly chosen: number;
  readonly onChoose: (rank: number) => void;
}

/** The n-best list of a line, best first. */
export function Alternatives({ reading: { alternatives }, chosen, onChoose }: AlternativesProps) {
  return (
    <ol class="alternatives" aria-label="Translations, the best first">
      {alternatives.map(({ text, probability, score }, rank) => (
        <li key={rank}>
          <button type="button" aria-pressed={rank === chosen} onClick={() => onChoose(rank)}>
            <span class="text">{text}</span>
            <span class="figure">
              {percent(probability)}
              {score !== undefined && <small> score {score.toFixed(2).replace('-', '−')}</small>}
            </span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${100 * probability}%` }} />
            </span>
          </button>
        </li>
      ))}
    </ol>
  );
}
