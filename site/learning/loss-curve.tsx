import { line } from 'd3-shape';
import { numericScale } from '../../src/analysis/page/axis.js';
import { useWidth } from '../drawings/use-width.js';
import { updates } from './recipe.js';

const height = 200;
const room = { left: 34, right: 8, top: 8, bottom: 26 };
/** Updates that a point of the smooth curve looks back on. */
const memory = 20;

interface LossCurveProps {
  /** In nats per token, one for each update. */
  readonly losses: readonly number[];
  readonly begun: readonly number[];
}

/** The loss of every update, and its moving average. */
export function LossCurve({ losses, begun }: LossCurveProps) {
  const { element, width } = useWidth(480);
  const x = numericScale({ label: 'updates', isWhole: true }, [0, updates.total], [room.left, width - room.right]);
  const y = numericScale({ label: 'loss', include: 0 }, [0, Math.max(8, losses[0] ?? 0)], [height - room.bottom, room.top]);
  const path = line<number>(
    (_, index) => x.position(index + 1),
    (loss) => y.position(loss),
  ).digits(1);
  const smooth = smoothed(losses);
  const last = smooth.at(-1);
  return (
    <div ref={element}>
      <svg
        class="plot"
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={
          last === undefined
            ? 'No loss yet'
            : `Loss after ${losses.length} updates: ${last.toFixed(2)} nats per token, from ${losses[0]?.toFixed(2)}`
        }
      >
        {y.ticks.map((tick) => (
          <g key={tick}>
            <line class="rule" x1={room.left} x2={width - room.right} y1={y.position(tick)} y2={y.position(tick)} />
            <text x={room.left - 8} y={y.position(tick) + 4} text-anchor="end">
              {y.format(tick)}
            </text>
          </g>
        ))}
        {x.ticks.map((tick) => (
          <text key={tick} x={x.position(tick)} y={height - 6} text-anchor={tick === 0 ? 'start' : 'middle'}>
            {x.format(tick)}
          </text>
        ))}
        {begun.map((step) => (
          <line key={step} class="begun" x1={x.position(step)} x2={x.position(step)} y1={room.top} y2={height - room.bottom} />
        ))}
        <path class="raw" d={path(losses) ?? ''} />
        <path class="curve" d={path(smooth) ?? ''} />
      </svg>
    </div>
  );
}

function smoothed(values: readonly number[]): number[] {
  let mean = values[0] ?? 0;
  return values.map((value, index) => {
    mean += (value - mean) / Math.min(index + 1, memory);
    return mean;
  });
}
