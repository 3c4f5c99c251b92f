/** Text that is HTML already. Only `html` and its kin make it, so nothing reaches a page that was not escaped. */
export class Html {
  readonly text: string;

  /** @internal Use `html`. */
  constructor(text: string) {
    this.text = text;
  }
}

/** What a template may hold: strings are escaped, lists joined, what is undefined left out. */
export type Content = Html | string | number | undefined | readonly Content[];

/** HTML (or SVG in HTML) with values in it: html`<p title="${anything}">${anything}</p>`. Attributes need quotation marks. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(strings.reduce((text, string, index) => text + textOf(values[index - 1]) + string));
}

function textOf(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Html) return content.text;
  if (typeof content === 'string') return escaped(content);
  if (typeof content === 'number') return String(content);
  return content.map(textOf).join('');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}

/** A value for the page's script to read: `JSON.parse(document.getElementById(id).textContent)`. */
export function data(id: string, value: unknown): Html {
  // No text of a script element may hold `</script` or `<!--`.
  const json = JSON.stringify(value).replaceAll('<', '\\u003c');
  return html`<script type="application/json" id="${id}">${new Html(json)}</script>`;
}
