import { differences, type ComparedPart } from '../examination/differences.js';
import type { ExaminedTest } from '../examination/examined-test.js';
import { type Content, type Html, html } from '../page/html.js';

/** The languages of both sides, where the configuration names them as pages do: `en`, `zh-Hans`. */
export interface Languages {
  readonly source: string | undefined;
  readonly target: string | undefined;
}

/** The configuration names languages as it likes; only names that pages know help a page. */
export function languagesOf({ data }: { readonly data: { readonly source: string; readonly target: string } }): Languages {
  const known = (name: string) => (/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i.test(name) ? name : undefined);
  return { source: known(data.source), target: known(data.target) };
}

/** Text of any language, in its own direction, and with its own letters where its language is known. */
export function text(content: Content, language?: string): Html {
  return html`<div class="text" dir="auto"${language && html` lang="${language}"`}>${content}</div>`;
}

/** A translation and its references, with what it has and none of them has, and what each of them has and it has not. */
export function compared(
  references: readonly string[],
  translation: string,
  language?: string,
): { references: Content; translation: Html } {
  const { one, others } = differences(translation, references);
  return { translation: marked(one, 'extra', language), references: others.map((other) => marked(other, 'lacking', language)) };
}

/** The same as parts of which every second is marked: for tables that are drawn in the page. References stand below each other. */
export function comparedParts(references: readonly string[], translation: string): { references: string[]; translation: string[] } {
  const { one, others } = differences(translation, references);
  const parts = others.flatMap((other, index) => (index === 0 ? other : [{ text: '\n', differs: false }, ...other]));
  return { translation: alternating(one), references: alternating(parts) };
}

/** White space at the end of a part is not what differs. */
function alternating(parts: readonly ComparedPart[]): string[] {
  const texts = [''];
  for (const { text, differs } of parts) {
    const words = differs ? text.trimEnd() : '';
    if (words !== '') texts.push(words, '');
    texts[texts.length - 1] += text.slice(words.length);
  }
  return texts;
}

function marked(parts: readonly ComparedPart[], kind: 'extra' | 'lacking', language: string | undefined): Html {
  return text(
    parts.map((part) => {
      // A space at the end is not what differs.
      const words = part.text.trimEnd();
      return part.differs ? html`<mark class="${kind}">${words}</mark>${part.text.slice(words.length)}` : part.text;
    }),
    language,
  );
}

/** What the mark in a translation means. */
export const extraMark: Html = html`<mark class="extra">Marked</mark>: not in any reference.`;
/** What the mark in a reference means. */
export const lackingMark: Html = html`<mark class="lacking">Marked</mark>: not in the translation.`;

/** A sentence of a test set with its references, if it has any, and its translation. */
export function sentenceColumns({ sources, references, hypotheses }: ExaminedTest, sentence: number, { source, target }: Languages) {
  const own = references.map((set) => set[sentence] ?? '');
  const { references: marked, translation } = compared(own, hypotheses[sentence] ?? '', target);
  return [
    { name: 'source', body: text(sources[sentence], source) },
    ...(own.length === 0 ? [] : [{ name: own.length === 1 ? 'reference' : 'references', body: marked }]),
    // Without a reference all of it would be marked.
    { name: 'translation', body: own.length === 0 ? text(hypotheses[sentence], target) : translation },
  ];
}

/** Sentences side by side, below each other on a phone; a name that is empty is not shown. */
export function example(about: Content, columns: readonly { readonly name: string; readonly body: Content }[], below?: Content): Html {
  return html`<article class="example"><p class="about">${about}</p>
<dl>${columns.map(({ name, body }) => html`<div>${name === '' ? undefined : html`<dt>${name}</dt>`}<dd>${body}</dd></div>`)}</dl>${below}</article>
`;
}
