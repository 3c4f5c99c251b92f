import { percent } from './figures.js';

interface HeatMapProps {
  readonly caption: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** In [0, 1]. */
  readonly weight: (row: number, column: number) => number;
}

/** Shares as squares of one colour, in a table that can be read aloud. */
export function HeatMap({ caption, rows, columns, weight }: HeatMapProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="heat-scroll" tabIndex={0} aria-label={caption}>
      <table class="heat">
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
