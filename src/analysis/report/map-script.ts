/**
 * Runs in the page, where nothing of this module but the function itself exists: shows the sentence nearest to the pointer,
 * and marks those that hold what is searched for. All text is set as text, never as HTML.
 */
function followMap(): void {
  const plane = document.getElementById('map-plane');
  const drawing = plane?.querySelector('svg');
  const tip = document.getElementById('map-tip');
  const search = document.getElementById('map-search') as HTMLInputElement | null;
  const found = document.getElementById('map-found');
  const contents = document.getElementById('map-sentences')?.textContent;
  if (!plane || !drawing || !tip || !search || !found || !contents) return;
  const sentences = JSON.parse(contents) as [string, string, number, number][];
  const dots = Array.from(drawing.querySelectorAll<SVGCircleElement>('circle[data-id]'), (dot) => ({
    dot,
    x: Number(dot.getAttribute('cx')),
    y: Number(dot.getAttribute('cy')),
    id: Number(dot.dataset.id),
  }));
  let current: SVGCircleElement | undefined;
  const line = (name: string, text: string) => {
    const paragraph = document.createElement(name);
    paragraph.textContent = text;
    paragraph.dir = 'auto';
    return paragraph;
  };
  const show = (chosen: (typeof dots)[number] | undefined) => {
    if (current === chosen?.dot) return;
    current?.classList.remove('pointed');
    current = chosen?.dot;
    tip.hidden = chosen === undefined;
    const sentence = chosen && sentences[chosen.id];
    if (!chosen || !sentence) return;
    chosen.dot.classList.add('pointed');
    tip.replaceChildren(line('b', sentence[0]), line('span', sentence[1]), line('small', `line ${sentence[3]} · chrF ${sentence[2]}`));
    const box = plane.getBoundingClientRect();
    const at = chosen.dot.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(at.left - box.left + 12, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${at.bottom - box.top + 8}px`;
  };
  const follow = (event: PointerEvent) => {
    const matrix = drawing.getScreenCTM();
    if (!matrix) return;
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    let nearest: (typeof dots)[number] | undefined;
    let least = 14 ** 2;
    for (const dot of dots) {
      const distance = (dot.x - x) ** 2 + (dot.y - y) ** 2;
      if (distance < least && (search.value === '' || dot.dot.classList.contains('found'))) {
        least = distance;
        nearest = dot;
      }
    }
    show(nearest);
  };
  drawing.addEventListener('pointermove', follow);
  drawing.addEventListener('pointerdown', follow);
  drawing.addEventListener('pointerleave', () => show(undefined));
  search.addEventListener('input', () => {
    const wanted = search.value.toLowerCase();
    drawing.classList.toggle('searching', wanted !== '');
    let count = 0;
    for (const { dot, id } of dots) {
      const [source = '', translation = ''] = sentences[id] ?? [];
      const matches = wanted !== '' && `${source}\n${translation}`.toLowerCase().includes(wanted);
      dot.classList.toggle('found', matches);
      if (matches) count++;
    }
    found.textContent = wanted === '' ? '' : `${count} of ${dots.length} sentences`;
    show(undefined);
  });
}

/** The script of a page with a map. */
export const mapScript = `(${followMap.toString()})();`;
