/**
 * Runs in the page, where nothing of this module but the function itself exists: adds to what is told of a point on the map its
 * sentence, marks the points whose sentences hold what is searched for, and leads to the table of all sentences, from whose data it
 * takes the texts. All text is set as text, never as HTML.
 */
export function followMap(): void {
  const map = document.getElementById('points');
  const figure = map?.querySelector('figure');
  const drawing = figure?.querySelector('svg.plot');
  const search = map?.querySelector('input');
  const found = map?.querySelector('output');
  const table = document.getElementById('all');
  const contents = document.getElementById('all-data')?.textContent;
  if (!map || !figure || !drawing || !search || !found || !table || !contents) return;
  const longest = 280;
  const { columns, rows } = JSON.parse(contents) as { columns: { kind: string }[]; rows: unknown[][] };
  /** The texts of a sentence: source, references if there are any, translation. */
  const textsOf = (id: string | number) =>
    (rows[Number(id)] ?? []).flatMap((cell, column) =>
      columns[column]?.kind === 'text' ? [Array.isArray(cell) ? cell.join('') : String(cell ?? '')] : [],
    );
  const ids = Array.from(figure.querySelectorAll<HTMLElement>('tr[data-id]'), ({ dataset }) => Number(dataset.id));
  const dots = drawing.querySelectorAll('.dot');
  figure.addEventListener('tell', (event) => {
    const { tip, id } = (event as CustomEvent<{ tip: HTMLElement; id: string }>).detail;
    const texts = textsOf(id);
    // The table of a very large test set holds its first sentences only.
    if (texts.length === 0) return;
    const lines = [texts[0] ?? '', texts.at(-1) ?? ''].map((text, index) => {
      const line = document.createElement(index === 0 ? 'b' : 'span');
      line.textContent = text.length > longest ? `${text.slice(0, longest)}…` : text;
      line.dir = 'auto';
      return line;
    });
    const name = document.createElement('small');
    // Where on the plane it lies is to be seen.
    const [line, words] = Array.from(tip.children, ({ textContent }) => textContent ?? '');
    name.textContent = `${line} · ${words?.replace(/^.*: /, '')}`;
    tip.replaceChildren(...lines, name);
  });
  figure.addEventListener('choose', (event) => {
    const { id } = (event as CustomEvent<{ id: string }>).detail;
    table.dispatchEvent(new CustomEvent('show', { detail: id }));
  });
  search.closest<HTMLElement>('[hidden]')?.removeAttribute('hidden');
  search.addEventListener('input', () => {
    const wanted = search.value.normalize().toLowerCase();
    drawing.classList.toggle('searching', wanted !== '');
    let count = 0;
    for (const [index, id] of ids.entries()) {
      const matches = wanted !== '' && textsOf(id).join('\n').normalize().toLowerCase().includes(wanted);
      dots[index]?.classList.toggle('found', matches);
      if (matches) count++;
    }
    found.textContent = wanted === '' ? '' : `${count} of ${ids.length} sentences`;
  });
}
