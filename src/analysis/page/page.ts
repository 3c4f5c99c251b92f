import { type Content, Html, html } from './html.js';
import { pointing } from './pointing.js';
import { style } from './style.js';

/** A part of a page with a heading, which the page's contents lead to. */
export interface Section {
  /** Its name in links: letters and hyphens. */
  readonly id: string;
  readonly title: string;
  /** A sentence or two below the heading. */
  readonly lead?: Content | undefined;
  readonly body: Content;
}

export interface PageContents {
  readonly title: string;
  /** A sentence or two below the title. */
  readonly lead?: Content;
  readonly sections: readonly Section[];
  /** Rules for what only this page has. */
  readonly style?: string;
  /** What the page runs when it is read, besides telling of places in plots. In the page nothing exists of a function's module but itself. */
  readonly scripts?: readonly (() => void)[];
}

/**
 * A page that is one file: no network, no other file, light and dark, on a screen of any width. Its content security
 * policy lets nothing run but these scripts, whatever text the page shows. Without scripts all of it can be read, too.
 */
export async function page({ title, lead, sections, style: ownStyle = '', scripts = [] }: PageContents): Promise<string> {
  const script = [pointing, ...scripts].map((run) => `(${run.toString()})();`).join('\n');
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src '${await scriptHash(script)}'`;
  const contents = sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${new Html(style + ownStyle)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${lead === undefined ? undefined : html`<p class="lead">${lead}</p>`}
${sections.length > 1 ? html`<nav aria-label="Contents"><ul>${contents}</ul></nav>` : undefined}
</header>
<main>
${sections.map(sectionHtml)}
</main>
<script>${new Html(script)}</script>
</body>
</html>
`;
  return text;
}

/** Whether text begins as a page of decade's does. */
export function isPage(beginning: string): boolean {
  return /^<!doctype html>\n<html lang="en">.*<meta http-equiv="Content-Security-Policy" content="default-src (?:'|&#39;)none(?:'|&#39;); style/s.test(
    beginning,
  );
}

function sectionHtml({ id, title, lead, body }: Section): Html {
  return html`<section id="${id}">
<h2>${title}</h2>
${lead === undefined ? undefined : html`<p class="lead">${lead}</p>`}
${body}
</section>
`;
}

async function scriptHash(script: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}

/** `1,234`, `−0.35`, `12K`, `× 0.81`, `15.4 (13.2 to 17.5)`; not `1 run`. */
const figure = /^[−+×≤≥]?\s?\d(?:[^\p{L}/]| to |[KMG]\b)*$/u;

/** A table that scrolls by itself where it is wider than the screen. Numbers are set to the right. */
export function table(head: readonly Content[], rows: readonly (readonly Content[])[]): Html {
  const isNumeric = head.map((_, column) => {
    const filled = rows.map((row) => plainText(row[column])).filter((text) => text !== '');
    return filled.length > 0 && filled.every((text) => figure.test(text));
  });
  const kind = (column: number) => (isNumeric[column] ? 'number' : 'text');
  return html`<div class="scroll"><table>
<thead><tr>${head.map((cell, column) => html`<th class="${kind(column)}" scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell, column) => html`<td class="${kind(column)}">${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;
}

function plainText(content: Content): string {
  if (content === undefined) return '';
  if (content instanceof Html) return content.text.replace(/<[^>]*>/g, '').trim();
  return Array.isArray(content) ? content.map(plainText).join('') : String(content);
}

/** Figures side by side where there is room. */
export function figures(...plots: readonly Content[]): Html {
  return html`<div class="figures">${plots}</div>`;
}
