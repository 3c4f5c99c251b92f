import { type Content, data, type Html, html } from './html.js';

/** A column of a table that is sorted and searched in the page. */
export interface DataColumn {
  readonly name: string;
  /** Numbers stand to the right and are sorted by value; texts are searched, each in its own direction. */
  readonly kind: 'number' | 'text';
  /** Of numbers, the digits after the point. Default: none. */
  readonly digits?: number;
  /** The language of a text, for its letters and line breaks, if it is known: `ja`. */
  readonly language?: string | undefined;
  /** How a text's parts are marked that are marked. */
  readonly mark?: 'extra' | 'lacking';
}

/** A number or a text, undefined where there is none. A list is a text in parts, every second of which is marked. */
export type DataCell = number | string | readonly string[] | undefined;

export interface DataTable {
  /** Its name in links. */
  readonly id: string;
  /** What the rows are: `sentences`. */
  readonly of: string;
  readonly columns: readonly DataColumn[];
  readonly rows: readonly (readonly DataCell[])[];
  /** How many there are in all, if the page holds only the first. */
  readonly total?: number;
}

/** Rows on a page of the table, and what is there without scripts. */
const rowsPerPage = 50;

/**
 * A table of any length, of which the page shows 50 rows at a time; `dataTables` is the script that turns pages, sorts and searches.
 * The rows are data for the script; the first 50 are also written out, for readers without scripts.
 */
export function dataTable({ id, of, columns, rows, total = rows.length }: DataTable): Html {
  const count = rows.length.toLocaleString('en');
  const isPart = rows.length < total;
  const first = Math.min(rowsPerPage, rows.length);
  return html`<div class="data" id="${id}" data-of="${of}" data-per-page="${rowsPerPage}">
<div class="controls" hidden>
<label class="search">Search <input type="search" autocomplete="off" spellcheck="false"></label>
<label class="search sorting">Sort by <select>${columns.map(({ name }, column) => html`<option value="${column}">${name}</option>`)}</select></label>
<button type="button" class="direction" aria-label="turn the order round">↑</button>
</div>
<p class="note" role="status">${first === rows.length ? `${count} ${of}.` : `The first ${first} of ${count} ${of}; with JavaScript, all can be sorted and searched.`}</p>
<div class="scroll"><table>
<thead><tr>${columns.map(head)}</tr></thead>
<tbody>${rows.slice(0, first).map((row) => html`<tr>${row.map((cell, column) => cellHtml(columns[column], cell))}</tr>\n`)}</tbody>
</table></div>
<p class="turning" hidden><button type="button" class="previous">← Previous</button><span></span><button type="button" class="next">Next →</button></p>
${isPart ? html`<p class="note">The page holds the first ${count} of ${total.toLocaleString('en')} ${of}.</p>` : undefined}
${data(`${id}-data`, { columns, rows: rows.map((row) => row.map((cell) => cell ?? null)) })}
</div>
`;
}

function head({ name, kind }: DataColumn): Html {
  return html`<th class="${kind}" scope="col">${name}</th>`;
}

function cellHtml(column: DataColumn | undefined, cell: DataCell): Html | undefined {
  if (column === undefined) return undefined;
  const { name, kind, language } = column;
  const inLanguage = language === undefined ? undefined : html` lang="${language}"`;
  const direction = kind === 'text' ? html` dir="auto"${inLanguage}` : undefined;
  return html`<td class="${kind}" data-name="${name}"${direction}>${cellContent(column, cell)}</td>`;
}

function cellContent({ digits = 0, mark = 'extra' }: DataColumn, cell: DataCell): Content {
  if (cell === undefined || typeof cell === 'string') return cell;
  if (typeof cell === 'number') return cell.toFixed(digits).replace('-', '−');
  return cell.map((part, index) => (index % 2 === 1 ? html`<mark class="${mark}">${part}</mark>` : part));
}
