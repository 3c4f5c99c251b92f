import { percent } from './figures.js';

interface HeatMapProps {
  readonly caption: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** In [0, 1]. */
  readonly weight: (row: number, column: number) => number;
  /** Whether what it comes to is read aloud when it changes. */
  readonly isAnnounced?: boolean;
}

/** Shares as squares of one colour, in a table that can be read aloud. */
export function HeatMap({ caption, rows, columns, weight, isAnnounced = false }: HeatMapProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="heat-scroll" tabIndex={0} aria-label={caption}>
      <p class="hidden" role={isAnnounced ? 'status' : undefined}>
        Most looked at: {rows.map((row, at) => `${row} at ${columns[greatest(columns.map((_, column) => weight(at, column)))]}`).join(', ')}
      </p>
      <table class="heat" aria-label={caption}>
        <thead>
          <tr>
            <td />
            {columns.map((column, index) => (
              <th key={index} scope="col">
                <span>{column}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              <th scope="row">{row}</th>
              {columns.map((column, index) => {
                const share = weight(at, index);
                return (
                  <td key={index} title={`${row} → ${column}: ${percent(share)}`}>
                    <span style={{ opacity: share }} />
                    <span class="hidden">{percent(share)}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The place of the greatest of some values. */
function greatest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
