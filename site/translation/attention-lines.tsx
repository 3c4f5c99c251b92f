import { useState } from 'preact/hooks';
import { percent } from '../drawings/figures.js';
import { type Alternative, bare, isUnlikely, type ReadWord, type Reading } from './reading.js';

/** Of a line of text, in units of the drawing. */
const height = 36;
/** Lines below this are not drawn. */
const faintest = 0.04;

/** The words of a line and of a translation side by side, and lines from each word to what the model looked at when it wrote it. */
export function AttentionLines({
  reading: { source },
  alternative: { words },
}: {
  readonly reading: Reading;
  readonly alternative: Alternative;
}) {
  const [pointed, setPointed] = useState<number>();
  const rows = Math.max(source.length, words.length);
  const centre = (row: number, of: number) => (row + (rows - of) / 2 + 0.5) * height;
  const word = pointed === undefined ? undefined : words[pointed];
  const looked = (column: number) => word?.attention?.[column] ?? 0;
  return (
    <figure class="attention-lines">
      <div class="sides">
        <ol class="source" aria-label="Source">
          {source.map(({ text, isUnknown }, column) => (
            <li key={column} class={word !== undefined && looked(column) < faintest ? 'faded' : undefined}>
              <span class={isUnknown ? 'unknown' : undefined}>{text}</span>
              {isUnknown && <span class="hidden"> (unknown to the model)</span>}
            </li>
          ))}
        </ol>
        <svg viewBox={`0 0 100 ${rows * height}`} preserveAspectRatio="none" style={{ height: `${rows * height}px` }} aria-hidden="true">
          {words.flatMap(({ attention = [] }, row) =>
            attention.map((weight, column) => {
              if (weight < faintest) return null;
              const [from, to] = [centre(column, source.length), centre(row, words.length)];
              const opacity = pointed === undefined ? weight * 0.8 : pointed === row ? weight : weight * 0.08;
              return (
                <path
                  key={`${row} ${column}`}
                  d={`M0 ${from}C45 ${from} 55 ${to} 100 ${to}`}
                  stroke-opacity={opacity}
                  vector-effect="non-scaling-stroke"
                />
              );
            }),
          )}
        </svg>
        <ol class="target" aria-label="Translation">
          {words.map((each, row) => (
            <li key={row}>
              <button
                type="button"
                class={isUnlikely(each) ? 'unlikely' : undefined}
                onFocus={() => setPointed(row)}
                onBlur={() => setPointed(undefined)}
                onMouseEnter={() => setPointed(row)}
                onMouseLeave={() => setPointed(undefined)}
                aria-label={`${each.text}: ${spoken(each, source)}`}
              >
                {each.text}
              </button>
            </li>
          ))}
        </ol>
      </div>
      <figcaption>
        {word === undefined
          ? 'Point at a word of the translation, or tab to it, to see what it was written from.'
          : `${word.text}: ${spoken(word, source)}`}
      </figcaption>
    </figure>
  );
}

/** What a word was written from, and how probable it was. */
function spoken({ probability, attention = [] }: ReadWord, source: Reading['source']): string {
  const looked = attention
    .map((weight, column) => ({ weight, text: bare(source[column]?.text ?? '') }))
    .filter(({ weight }) => weight >= 0.1)
    .sort((one, other) => other.weight - one.weight)
    .slice(0, 3)
    .map(({ weight, text }) => `${text} (${percent(weight)})`);
  return [
    ...(probability === undefined ? [] : [`probability ${percent(probability)}`]),
    ...(looked.length === 0 ? [] : [`looked at ${looked.join(', ')}`]),
  ].join('; ');
}
