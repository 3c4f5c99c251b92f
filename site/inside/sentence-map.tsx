import { useEffect, useState } from 'preact/hooks';
import type { BrowserModel } from '../../src/browser/index.js';
import { mapSentences } from '../../src/analysis/examination/sentence-map.js';
import { numericScale } from '../../src/analysis/page/axis.js';
import { Failure } from '../drawings/failure.js';
import { useWidth } from '../drawings/use-width.js';
import { useAnswer } from './use-answer.js';

const [height, margin] = [460, 24];
/** Room for the name beside a point. */
const nameWidth = 170;
const mostLines = 60;

/** Where sentences lie on the plane along which the vectors of the encoder differ most. */
export function SentenceMap({ model, examples }: { readonly model: BrowserModel; readonly examples: readonly string[] }) {
  const [text, setText] = useState(examples.join('\n'));
  const [pointed, point] = useState<number>();
  const { element, width } = useWidth(720);
  useEffect(() => setText(examples.join('\n')), [model]);
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, mostLines);
  const { value: map, failure } = useAnswer(
    async (signal) => {
      const found = await mapSentences(model, lines, { signal });
      return found && { points: found.points, names: found.sentences.map((sentence) => lines[sentence] ?? '') };
    },
    [model, text],
  );
  const placed = placedOn(map?.points ?? [], width);
  const names = map?.names ?? [];
  return (
    <section aria-labelledby="map">
      <h2 id="map">Which sentences it holds to be alike</h2>
      <p>
        The encoder turns a sentence into one vector, from which the translation is written. Here are the vectors from the side on which
        they differ most. Sentences that mean like things lie together.
      </p>
      <label class="lines-input">
        <span>Sentences, one per line</span>
        <textarea rows={6} spellcheck={false} value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      </label>
      <Failure message={failure} />
      <p class={map === undefined ? 'note' : 'hidden'} role="status">
        {map === undefined ? 'A map needs three sentences.' : `A map of ${names.length} sentences; each point names the one nearest to it.`}
      </p>
      <div ref={element}>
        <figure class="map" hidden={map === undefined}>
          {/* biome-ignore lint/a11y/useSemanticElements: a drawing is no form */}
          <svg class="plot" viewBox={`0 0 ${width} ${height}`} role="group" aria-label="Map of the sentences">
            {placed.map(({ left, top }, index) => {
              const isShown = pointed === undefined ? hasRoom(placed, index) : pointed === index;
              return (
                // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a point is read where the keyboard is
                <g
                  key={index}
                  tabIndex={0}
                  role="img"
                  aria-label={`${names[index]}; nearest: ${names[nearest(placed, index)]}`}
                  onFocus={() => point(index)}
                  onBlur={() => point(undefined)}
                  onMouseEnter={() => point(index)}
                  onMouseLeave={() => point(undefined)}
                >
                  <circle cx={left} cy={top} r={pointed === index ? 6 : 4} />
                  {isShown && (
                    <text x={left + 9} y={top + 4}>
                      {shortened(names[index] ?? '')}
                    </text>
                  )}
                </g>
              );
            })}
          </svg>
        </figure>
      </div>
    </section>
  );
}

/** A point in the drawing. */
interface Placed {
  readonly left: number;
  readonly top: number;
}

function placedOn(points: readonly { readonly x: number; readonly y: number }[], width: number): Placed[] {
  const x = numericScale(
    { label: '' },
    points.map(({ x }) => x),
    [margin, width - margin - nameWidth],
  );
  const y = numericScale(
    { label: '' },
    points.map(({ y }) => y),
    [height - margin, margin],
  );
  return points.map((point) => ({ left: x.position(point.x), top: y.position(point.y) }));
}

/** Whether the name of a point would stand on no name of an earlier point. */
function hasRoom(placed: readonly Placed[], index: number): boolean {
  const { left = 0, top = 0 } = placed[index] ?? {};
  return placed.slice(0, index).every((other) => Math.abs(other.top - top) > 15 || Math.abs(other.left - left) > nameWidth + 20);
}

/** The point that lies nearest to another. */
function nearest(placed: readonly Placed[], index: number): number {
  const { left = 0, top = 0 } = placed[index] ?? {};
  const distances = placed.map((other, at) => (at === index ? Infinity : Math.hypot(other.left - left, other.top - top)));
  return distances.indexOf(Math.min(...distances));
}

function shortened(text: string): string {
  return text.length > 30 ? `${text.slice(0, 29)}…` : text;
}
