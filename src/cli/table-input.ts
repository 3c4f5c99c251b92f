import { CsvError, type Info, parse } from 'csv-parse/sync';
import type { TableRow } from '../analysis/scaling/points.js';
import { readBoundedText } from '../core/bounded-text.js';
import { DecadeError } from '../core/errors.js';
import { nodeFiles } from '../node/files/files.js';

const mostBytes = 64 * 1024 * 1024;

/** The rows of a table: values between tabs in a `.tsv` file, otherwise between commas, or semicolons where the first line has no comma. Empty lines are none. Throws `input`. */
export async function tableRows(path: string): Promise<TableRow[]> {
  return rowsOf(await readBoundedText(nodeFiles, path, mostBytes, 'a table'), path);
}

/** The rows of a table's text; `path` names it, and says by its ending what stands between two values. */
export function rowsOf(text: string, path: string): TableRow[] {
  const [head = ''] = text.split('\n', 1);
  // As spreadsheets write where the comma is in numbers.
  const isSemicolon = head.includes(';') && !head.includes(',');
  const delimiter = /\.tsv$/i.test(path) ? '\t' : isSemicolon ? ';' : ',';
  try {
    const rows: unknown = parse(text, { delimiter, bom: true, info: true, relax_column_count: true, skip_empty_lines: true, trim: true });
    return (rows as { record: string[]; info: Info }[]).map(({ record, info }) => ({ values: record, line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DecadeError('input', {
      where: typeof error.lines === 'number' ? `${path}: line ${error.lines}` : path,
      received: error.message,
      allowed: 'values between commas (tabs in a .tsv file), those with a comma, a quote or a line break in double quotes',
      cause: error,
    });
  }
}
