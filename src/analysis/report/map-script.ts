/**
 * Runs in the page, where nothing of this module but the function itself exists: adds to what is told of a point on the map its
 * sentence, and marks the points whose sentences hold what is searched for. All text is set as text, never as HTML.
 */
export function followMap(): void {
  const map = document.getElementById('map');
  const figure = map?.querySelector('figure');
  const drawing = figure?.querySelector('svg');
  const search = map?.querySelector('input');
  const found = map?.querySelector('output');
  const contents = document.getElementById('map-sentences')?.textContent;
  if (!map || !figure || !drawing || !search || !found || !contents) return;
  const sentences = JSON.parse(contents) as Record<string, readonly string[]>;
  const ids = Array.from(figure.querySelectorAll<HTMLElement>('tr[data-id]'), ({ dataset }) => dataset.id ?? '');
  const dots = drawing.querySelectorAll('.dot');
  figure.addEventListener('tell', (event) => {
    const { tip, id } = (event as CustomEvent<{ tip: HTMLElement; id: string }>).detail;
    const lines = (sentences[id] ?? []).map((text) => {
      const line = document.createElement('span');
      line.textContent = text;
      line.dir = 'auto';
      return line;
    });
    tip.firstElementChild?.after(...lines);
  });
  search.closest<HTMLElement>('[hidden]')?.removeAttribute('hidden');
  search.addEventListener('input', () => {
    const wanted = search.value.normalize().toLowerCase();
    drawing.classList.toggle('searching', wanted !== '');
    let count = 0;
    for (const [index, id] of ids.entries()) {
      const matches = wanted !== '' && (sentences[id] ?? []).join('\n').normalize().toLowerCase().includes(wanted);
      dots[index]?.classList.toggle('found', matches);
      if (matches) count++;
    }
    found.textContent = wanted === '' ? '' : `${count} of ${ids.length} sentences`;
  });
}
