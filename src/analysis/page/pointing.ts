/**
 * Runs in the page, where nothing of this module but the function itself exists. Tells of the place in a plot that is pointed at,
 * tapped, or reached by the arrow keys, with what the table behind the plot says of it. All text is set as text, never as HTML.
 *
 * A figure hears of it by an event `tell` (`detail`: the tip, and the row's id) and may add to the tip; `choose` is Enter, or a
 * second tap on the same place. It says by an event `redrawn` that its table tells something else now.
 */
export function pointing(): void {
  interface Place {
    readonly x: number;
    /** Undefined for all that lies at `x`. */
    readonly y: number | undefined;
    readonly id: string | undefined;
    readonly lines: readonly string[];
  }

  /** A row is a place with all its cells, or every cell of it is one. */
  function placesOf(table: HTMLTableElement): Place[] {
    const heads = Array.from(table.tHead?.rows[0]?.cells ?? [], ({ textContent }) => textContent ?? '');
    return Array.from(table.querySelectorAll<HTMLElement>('[data-at]'), (element) => {
      const [x = 0, y] = (element.dataset.at ?? '').split(' ').map(Number);
      const row = element.closest('tr');
      const name = row?.cells[0]?.textContent ?? '';
      const told = (cell: HTMLTableCellElement) => (heads[cell.cellIndex] ? `${heads[cell.cellIndex]}: ` : '') + cell.textContent;
      const cells = Array.from(element instanceof HTMLTableCellElement ? [element] : (row?.cells ?? []));
      const others = cells.filter(({ cellIndex, textContent }) => cellIndex > 0 && textContent !== '').map(told);
      const first = y === undefined && heads[0] ? `${heads[0]}: ${name}` : name;
      return { x, y, id: element.dataset.id, lines: [first, ...others] };
    });
  }

  function follow(figure: HTMLElement): void {
    const drawing = figure.querySelector<SVGSVGElement>('svg.plot');
    const table = figure.querySelector<HTMLTableElement>('.behind table');
    if (!drawing || !table) return;
    let read: Place[] | undefined;
    const places = () => {
      read ??= placesOf(table);
      return read;
    };
    const height = drawing.viewBox.baseVal.height;
    const ring = drawing.appendChild(document.createElementNS(drawing.namespaceURI, 'path') as SVGPathElement);
    ring.setAttribute('class', 'pointed');
    const tip = figure.appendChild(document.createElement('div'));
    tip.className = 'tip';
    tip.hidden = true;
    tip.setAttribute('role', 'status');
    let current: Place | undefined;

    const show = (chosen: Place | undefined, isByKey = false): void => {
      if (current === chosen) return;
      current = chosen;
      tip.hidden = chosen === undefined;
      ring.setAttribute('d', '');
      if (!chosen) return;
      const { x, y, lines, id } = chosen;
      ring.setAttribute('d', y === undefined ? `M${x} 0V${height - 36}` : `M${x - 6} ${y}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0`);
      const [name = '', ...others] = lines;
      tip.replaceChildren(
        ...[name, ...others].map((text, index) => {
          const line = document.createElement(index === 0 ? 'b' : 'span');
          line.textContent = text;
          line.dir = 'auto';
          return line;
        }),
      );
      figure.dispatchEvent(new CustomEvent('tell', { detail: { tip, id } }));
      if (isByKey) ring.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      const [box, at] = [figure.getBoundingClientRect(), ring.getBoundingClientRect()];
      tip.style.left = `${Math.max(0, Math.min(at.right - box.left + 6, box.width - tip.offsetWidth))}px`;
      tip.style.top = `${(y === undefined ? at.top : at.bottom) - box.top + 6}px`;
    };

    /** The place nearest to a pointer, if it is within reach: of a finger, more. */
    const nearest = (event: { clientX: number; clientY: number }, reach: number): Place | undefined => {
      const matrix = drawing.getScreenCTM();
      if (!matrix) return undefined;
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      let found: Place | undefined;
      let least = Number.POSITIVE_INFINITY;
      for (const place of places()) {
        const distance = Math.hypot(place.x - x, (place.y ?? y) - y);
        if (distance < least) {
          least = distance;
          found = place;
        }
      }
      return least * matrix.a <= (found?.y === undefined ? 4 * reach : reach) ? found : undefined;
    };

    /** The next place in a direction: near, and rather straight ahead than aside. */
    const next = (right: number, down: number): Place | undefined => {
      const from = current;
      if (!from) return places()[0];
      let found: Place | undefined;
      let least = Number.POSITIVE_INFINITY;
      for (const place of places()) {
        const [x, y] = [place.x - from.x, (place.y ?? 0) - (from.y ?? 0)];
        const ahead = x * right + y * down;
        const cost = ahead + 2 * Math.abs(x * down) + 2 * Math.abs(y * right);
        if (ahead > 0.01 && cost < least) {
          least = cost;
          found = place;
        }
      }
      return found ?? from;
    };

    figure.addEventListener('redrawn', () => {
      show(undefined);
      read = undefined;
    });
    drawing.tabIndex = 0;
    drawing.setAttribute('role', 'application');
    drawing.setAttribute(
      'aria-label',
      `${drawing.getAttribute('aria-label')}. Arrow keys move between points; the values are in the table below.`,
    );
    let tapped: Place | undefined;
    drawing.addEventListener('pointermove', (event) => {
      if (event.pointerType !== 'touch') show(nearest(event, 14));
    });
    drawing.addEventListener('pointerleave', (event) => {
      if (event.pointerType !== 'touch') show(undefined);
    });
    // A tap is a click without a pointer that stays; a finger that scrolls makes none.
    drawing.addEventListener('click', (event) => {
      const place = nearest(event, 26);
      show(place);
      if (place && place === tapped) figure.dispatchEvent(new CustomEvent('choose', { detail: { id: place.id } }));
      tapped = place;
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (target instanceof Node && !figure.contains(target)) show(undefined);
    });
    drawing.addEventListener('focus', () => {
      if (drawing.matches(':focus-visible')) show(current ?? places()[0], true);
    });
    drawing.addEventListener('blur', () => show(undefined));
    drawing.addEventListener('keydown', (event) => {
      const moves: Record<string, () => Place | undefined> = {
        ArrowRight: () => next(1, 0),
        ArrowLeft: () => next(-1, 0),
        ArrowDown: () => next(0, 1),
        ArrowUp: () => next(0, -1),
        Home: () => places()[0],
        End: () => places().at(-1),
        Escape: () => undefined,
      };
      const move = moves[event.key];
      if (move) {
        event.preventDefault();
        show(move(), true);
      } else if (event.key === 'Enter' && current) {
        figure.dispatchEvent(new CustomEvent('choose', { detail: { id: current.id } }));
      }
    });
  }

  for (const figure of document.querySelectorAll<HTMLElement>('figure')) follow(figure);
  // Elsewhere a browser shows an element's title to a mouse only.
  const named = document.createElement('div');
  named.className = 'tip';
  named.style.position = 'fixed';
  named.hidden = true;
  document.body.append(named);
  document.addEventListener('click', ({ target, clientX, clientY }) => {
    const title = target instanceof SVGElement ? target.querySelector(':scope > title') : null;
    named.hidden = title === null;
    named.textContent = title?.textContent ?? '';
    named.style.left = `${Math.max(0, Math.min(clientX, innerWidth - named.offsetWidth - 8))}px`;
    named.style.top = `${clientY + 14}px`;
  });
  // What scrolls can be scrolled by keys, too; what is in a table that is closed is not known to.
  const reachable = () => {
    for (const scrolling of document.querySelectorAll<HTMLElement>('.scroll')) {
      if (scrolling.scrollWidth > scrolling.clientWidth || scrolling.scrollHeight > scrolling.clientHeight) scrolling.tabIndex = 0;
    }
  };
  reachable();
  document.addEventListener('toggle', reachable, true);
}
