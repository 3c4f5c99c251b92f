/**
 * Runs in the page, where nothing of this module but the function itself exists: shows one sentence and one kind of attention at a time,
 * an overview of all layers and heads, and in the drawing the one that is chosen there.
 */
export function chooseHead(): void {
  interface Weights {
    readonly rows: number;
    readonly columns: number;
    /** Of each layer and head, bytes in base64. */
    readonly layers: readonly (readonly string[])[];
  }

  const section = document.querySelector<HTMLElement>('.attention');
  const contents = document.getElementById('attention-weights')?.textContent;
  const controls = section?.querySelector<HTMLElement>('.controls');
  const [sentence, kind] = section?.querySelectorAll('select') ?? [];
  const heads = section?.querySelector<HTMLElement>('.heads');
  if (!section || !contents || !controls || !sentence || !kind || !heads) return;
  const weights = JSON.parse(contents) as Weights[][];
  const articles = Array.from(section.querySelectorAll<HTMLElement>('article'));
  /** The last layer's mean, as the drawings have it. */
  let [layer, head]: [number | undefined, number | undefined] = [undefined, undefined];

  const bytes = (text: string) => Float32Array.from(atob(text), (character) => character.charCodeAt(0) / 255);
  const valuesOf = ({ layers }: Weights, chosen: number, ofHead: number | undefined): Float32Array => {
    const all = layers[chosen] ?? [];
    if (ofHead !== undefined) return bytes(all[ofHead] ?? '');
    const each = all.map(bytes);
    return (each[0] ?? new Float32Array()).map((_, place) => each.reduce((sum, values) => sum + (values[place] ?? 0), 0) / each.length);
  };

  /** A field a pixel. */
  const thumbnail = ({ rows, columns }: Weights, values: Float32Array): HTMLCanvasElement => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [columns, rows];
    const context = canvas.getContext('2d');
    if (!context) return canvas;
    context.fillStyle = getComputedStyle(section).getPropertyValue('--series-1');
    for (const [place, value] of values.entries()) {
      // Faint weights, too, are to be seen in the small.
      context.globalAlpha = Math.sqrt(value);
      context.fillRect(place % columns, Math.floor(place / columns), 1, 1);
    }
    return canvas;
  };

  const shown = () => weights[Number(sentence.value)]?.[Number(kind.value)];
  const layerOf = (of: Weights) => Math.min(layer ?? of.layers.length - 1, of.layers.length - 1);
  const headOf = (of: Weights) => (head === undefined || head < (of.layers[layerOf(of)]?.length ?? 0) ? head : undefined);
  const nameOf = (ofLayer: number, ofHead: number | undefined, count: number) =>
    `layer ${ofLayer + 1}, ${ofHead === undefined ? `mean of ${count} heads` : `head ${ofHead + 1} of ${count}`}`;

  const draw = () => {
    const of = shown();
    for (const [number, article] of articles.entries()) {
      article.hidden = number !== Number(sentence.value);
      for (const [place, figure] of article.querySelectorAll<HTMLElement>('figure').entries()) figure.hidden = place !== Number(kind.value);
    }
    const figure = articles[Number(sentence.value)]?.querySelector<HTMLElement>('figure:not([hidden])');
    if (!of || !figure) return;
    const [chosen, ofHead] = [layerOf(of), headOf(of)];
    const values = valuesOf(of, chosen, ofHead);
    for (const [place, field] of figure.querySelectorAll('.cell').entries())
      field.setAttribute('fill-opacity', (values[place] ?? 0).toFixed(2));
    for (const [place, cell] of figure.querySelectorAll('tbody td').entries()) cell.textContent = (values[place] ?? 0).toFixed(2);
    const name = figure.querySelector('.head');
    if (name) name.textContent = nameOf(chosen, ofHead, of.layers[chosen]?.length ?? 1);
    figure.dispatchEvent(new CustomEvent('redrawn'));
    for (const button of heads.querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset.at === `${chosen} ${ofHead ?? 'mean'}`));
    }
  };

  const overview = () => {
    const of = shown();
    if (!of) return;
    const most = Math.max(...of.layers.map(({ length }) => length));
    heads.style.setProperty('--heads', String(most + 1));
    const label = (text: string) => {
      const element = document.createElement('span');
      element.textContent = text;
      return element;
    };
    const top = [label(''), label('mean'), ...Array.from({ length: most }, (_, index) => label(`head ${index + 1}`))];
    const rows = of.layers.map((all, ofLayer) => {
      const buttons = [undefined, ...all.keys()].map((ofHead) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.dataset.at = `${ofLayer} ${ofHead ?? 'mean'}`;
        button.setAttribute('aria-label', nameOf(ofLayer, ofHead, all.length));
        button.append(thumbnail(of, valuesOf(of, ofLayer, ofHead)));
        button.addEventListener('click', () => {
          [layer, head] = [ofLayer, ofHead];
          draw();
        });
        return button;
      });
      return [label(`layer ${ofLayer + 1}`), ...buttons];
    });
    heads.replaceChildren(...top, ...rows.flat());
    draw();
  };

  for (const select of [sentence, kind]) select.addEventListener('change', overview);
  // Thumbnails have the colours of the page.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', overview);
  controls.hidden = false;
  heads.hidden = false;
  overview();
}
