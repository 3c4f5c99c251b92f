import type { DataColumn } from './data-table.js';

/**
 * Runs in the page, where nothing of this module but the function itself exists: shows a page of a data table's rows, sorted by any
 * column, and those that hold what is searched for. All text is set as text, never as HTML.
 *
 * A table hears of `show` (`detail`: the place of a row in the data) and turns to the page of that row.
 */
export function dataTables(): void {
  type Cell = number | string | readonly string[] | null;

  function manage(element: HTMLElement): void {
    const contents = document.getElementById(`${element.id}-data`)?.textContent;
    const controls = element.querySelector<HTMLElement>('.controls');
    const search = element.querySelector('input');
    const select = element.querySelector('select');
    const direction = element.querySelector<HTMLElement>('.direction');
    const status = element.querySelector('[role=status]');
    const table = element.querySelector('table');
    const turning = element.querySelector<HTMLElement>('.turning');
    const [previous, next] = element.querySelectorAll<HTMLButtonElement>('.turning button');
    const place = turning?.querySelector('span');
    const body = table?.tBodies[0];
    if (
      !contents ||
      !controls ||
      !search ||
      !select ||
      !direction ||
      !status ||
      !table ||
      !turning ||
      !previous ||
      !next ||
      !place ||
      !body
    ) {
      return;
    }
    const perPage = Number(element.dataset.perPage);
    const { columns, rows } = JSON.parse(contents) as { columns: DataColumn[]; rows: Cell[][] };
    const heads = Array.from(table.tHead?.rows[0]?.cells ?? []);
    const textOf = (cell: Cell | undefined) => (Array.isArray(cell) ? cell.join('') : String(cell ?? ''));
    let searched: string[] | undefined;
    const order = new Intl.Collator(undefined, { numeric: true });
    let [sortedBy, isFalling, page] = [0, false, 0];
    let shown = Array.from(rows.keys());
    let marked: number | undefined;

    const sort = () => {
      const isNumber = columns[sortedBy]?.kind === 'number';
      const sign = isFalling ? -1 : 1;
      const keys = new Map(shown.map((row) => [row, isNumber ? rows[row]?.[sortedBy] : textOf(rows[row]?.[sortedBy])]));
      // What is missing comes last either way.
      const isMissing = (key: unknown) => key === null || key === undefined || key === '';
      shown.sort((one, other) => {
        const [a, b] = [keys.get(one), keys.get(other)];
        if (isMissing(a) || isMissing(b)) return Number(isMissing(a)) - Number(isMissing(b)) || one - other;
        return sign * (isNumber ? Number(a) - Number(b) : order.compare(String(a), String(b))) || one - other;
      });
    };

    const written = (row: number): HTMLTableRowElement => {
      const line = document.createElement('tr');
      line.classList.toggle('marked', row === marked);
      for (const [index, column] of columns.entries()) {
        const cell = line.insertCell();
        const value = rows[row]?.[index] ?? null;
        cell.className = column.kind;
        cell.dataset.name = column.name;
        if (column.kind === 'text') {
          cell.dir = 'auto';
          if (column.language) cell.lang = column.language;
        }
        if (typeof value === 'number') cell.textContent = value.toFixed(column.digits ?? 0).replace('-', '−');
        else if (typeof value === 'string') cell.textContent = value;
        else {
          for (const [part, text] of (value ?? []).entries()) {
            const isMarked = part % 2 === 1;
            const piece = isMarked ? document.createElement('mark') : document.createTextNode(text);
            piece.textContent = text;
            if (piece instanceof HTMLElement) piece.className = column.mark ?? 'extra';
            cell.append(piece);
          }
        }
      }
      return line;
    };

    const draw = () => {
      const pages = Math.max(1, Math.ceil(shown.length / perPage));
      page = Math.max(0, Math.min(page, pages - 1));
      const visible = shown.slice(page * perPage, (page + 1) * perPage);
      body.replaceChildren(...visible.map(written));
      const figure = (value: number) => value.toLocaleString('en');
      const range = visible.length === 0 ? 'None' : `${figure(page * perPage + 1)} to ${figure(page * perPage + visible.length)}`;
      const found = search.value === '' ? '' : ` found, of ${figure(rows.length)}`;
      status.textContent = `${range} of ${figure(shown.length)} ${element.dataset.of}${found}, by ${columns[sortedBy]?.name}.`;
      place.textContent = `page ${figure(page + 1)} of ${figure(pages)}`;
      turning.hidden = pages === 1;
      previous.disabled = page === 0;
      next.disabled = page === pages - 1;
      direction.textContent = isFalling ? '↓' : '↑';
      select.value = String(sortedBy);
      for (const [column, head] of heads.entries()) {
        head.setAttribute('aria-sort', column !== sortedBy ? 'none' : isFalling ? 'descending' : 'ascending');
      }
    };

    const find = () => {
      const wanted = search.value.normalize().toLowerCase();
      searched ??= rows.map((row) =>
        row
          .flatMap((cell, column) => (columns[column]?.kind === 'text' ? [textOf(cell)] : []))
          .join('\n')
          .normalize()
          .toLowerCase(),
      );
      shown = Array.from(rows.keys());
      if (wanted !== '') shown = shown.filter((row) => searched?.[row]?.includes(wanted));
      sort();
      page = 0;
      draw();
    };

    /** Again by the same column: the other way round. */
    const sortBy = (column: number, falling: boolean) => {
      [sortedBy, isFalling, page] = [column, falling, 0];
      sort();
      draw();
    };
    const turn = (by: number) => {
      page += by;
      draw();
      element.scrollIntoView({ block: 'start' });
    };

    for (const [column, head] of heads.entries()) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = head.textContent;
      button.addEventListener('click', () => sortBy(column, column === sortedBy && !isFalling));
      head.replaceChildren(button);
    }
    select.addEventListener('change', () => sortBy(Number(select.value), isFalling));
    direction.addEventListener('click', () => sortBy(sortedBy, !isFalling));
    search.addEventListener('input', find);
    previous.addEventListener('click', () => turn(-1));
    next.addEventListener('click', () => turn(1));
    element.addEventListener('show', (event) => {
      marked = Number((event as CustomEvent<unknown>).detail);
      search.value = '';
      find();
      page = Math.floor(shown.indexOf(marked) / perPage);
      draw();
      const line = body.querySelector<HTMLElement>('.marked');
      if (line) {
        line.tabIndex = -1;
        line.focus({ preventScroll: true });
        line.scrollIntoView({ block: 'center' });
      }
    });
    controls.hidden = false;
    draw();
  }

  for (const element of document.querySelectorAll<HTMLElement>('.data')) manage(element);
}
