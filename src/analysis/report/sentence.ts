import { differences, type Part } from '../differences.js';
import { type Content, type Html, html } from '../page/html.js';

/** Text of any language, in its own direction. */
export function text(content: Content): Html {
  return html`<bdi>${content}</bdi>`;
}

/** A reference and translations of it, with what each translation has and the reference has not, and the other way round. */
export function compared(reference: string, translation: string): { reference: Html; translation: Html } {
  const { one, other } = differences(translation, reference);
  return { translation: marked(one, 'extra'), reference: marked(other, 'lacking') };
}

function marked(parts: readonly Part[], kind: 'extra' | 'lacking'): Html {
  return text(
    parts.map((part) => {
      // A space at the end is not what differs.
      const words = part.text.trimEnd();
      return part.differs ? html`<mark class="${kind}">${words}</mark>${part.text.slice(words.length)}` : part.text;
    }),
  );
}

/** What the mark in a translation means. */
export const extraMark: Html = html`<mark class="extra">Marked so</mark>: not in the reference.`;
/** What the mark in a reference means. */
export const lackingMark: Html = html`<mark class="lacking">Marked so</mark>: not in the translation.`;

/** Sentences side by side, below each other on a phone. */
export function example(about: Content, columns: readonly { readonly name: string; readonly body: Content }[], below?: Content): Html {
  return html`<article class="example"><p class="about">${about}</p>
<dl>${columns.map(({ name, body }) => html`<div><dt>${name}</dt><dd>${body}</dd></div>`)}</dl>${below}</article>
`;
}
