import type { AttentionView } from '../../decoding/attention-views.js';
import { shortened } from '../../core/visible-text.js';
import { type Content, data, type Html, html } from '../page/html.js';
import { heatMap } from '../page/plot.js';
import { example } from './sentence.js';

/** A sentence, and what a model looked at while it wrote or read it. */
export interface AttentionExample {
  /** `line 3` */
  readonly name: string;
  /** The sentence, for people to choose by. */
  readonly text: string;
  readonly columns: readonly { readonly name: string; readonly body: Content }[];
  readonly views: readonly AttentionView[];
}

/**
 * What the model looked at: for each sentence and each kind of attention a row for each token that looks, a column for each that is looked
 * at. Where there are several layers or heads it is the mean over the heads of the last layer, and `chooseHead` shows any other.
 */
export function attention(examples: readonly AttentionExample[]): Html {
  const isChoice = examples.some(({ views }) => views.length > 1 || views.some(hasHeads));
  const shown = examples.map(({ name, columns, views }) =>
    example(
      name,
      columns,
      views.map((view) => drawing(view, name)),
    ),
  );
  if (!isChoice) return html`${shown}`;
  const kinds = examples[0]?.views.map(({ name }) => name) ?? [];
  const options = (names: readonly string[]) => names.map((name, index) => html`<option value="${index}">${name}</option>`);
  return html`<div class="attention">
<div class="controls" hidden>
<label class="search">Sentence <select class="sentence">${options(examples.map(({ name, text }) => `${name} · ${shortened(text, 50)}`))}</select></label>
<label class="search">Attention <select class="kind">${options(kinds.map(capitalised))}</select></label>
</div>
<div class="heads" role="group" aria-label="layers and heads" hidden></div>
${shown}
${data(
  'attention-weights',
  examples.map(({ views }) =>
    views.map(({ rows, columns, layers }) => ({
      rows: rows.length,
      columns: columns.length,
      layers: layers.map((heads) => heads.map(compact)),
    })),
  ),
)}</div>`;
}

function drawing(view: AttentionView, name: string): Html {
  const { rows, columns, layers } = view;
  const heads = layers.at(-1) ?? [];
  const weightsOf = (row: number) =>
    columns.map((_, column) => heads.reduce((sum, head) => sum + (head[row * columns.length + column] ?? 0), 0) / heads.length);
  return heatMap({
    title: `${capitalised(view.name)}, ${name}`,
    note: hasHeads(view) ? html`<span class="head">layer ${layers.length}, mean of ${heads.length} heads</span>` : undefined,
    corner: 'written ↓ read →',
    columns: columns.map(visible),
    rows: rows.map(visible),
    weights: rows.map((_, row) => weightsOf(row)),
    hasAllFields: hasHeads(view),
  });
}

function hasHeads({ layers }: AttentionView): boolean {
  return layers.length > 1 || layers.some(({ length }) => length > 1);
}

/** A weight in a byte, all of them in base64: a page of a few sentences has hundreds of thousands. */
function compact(weights: Float32Array): string {
  return btoa(Array.from(weights, (weight) => String.fromCharCode(Math.round(255 * weight))).join(''));
}

function capitalised(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

/** A token that is only white space would look like none. */
function visible(token: string): string {
  return token.trim() === '' ? '␣' : token;
}
