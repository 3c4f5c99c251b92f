import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Marked } from 'marked';
import { groups } from './contents.mjs';
import { escaped } from './escape.mjs';
import { references } from './reference.mjs';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
/** What pages of the guide show or lead to, besides each other. */
const files = ['pictures', 'plots', 'configuration.yaml'];

/** Pages of docs/ as pages of the site, and one that lists them. */
export function guidePages() {
  const names = readdirSync(docs, { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.md'));
  const pages = names.map((name) => {
    const { content, title } = article(readFileSync(join(docs, name), 'utf8'), name);
    return { title, path: addressOf(name), content };
  });
  return [contents(pages), ...pages];
}

/** Files to copy, from the repository into the site. */
export function guideFiles() {
  return files.filter((name) => existsSync(join(docs, name))).map((name) => [`docs/${name}`, `documentation/${name}`]);
}

function contents(pages) {
  const of = (name) => pages.find(({ path }) => path === addressOf(`${name}.md`));
  const listed = new Set(groups.flatMap((group) => group.pages));
  const more = pages.filter(({ path }) => posix.dirname(path) === 'documentation' && !listed.has(posix.basename(path, '.html')));
  const sections = [
    ...groups.map(({ name, pages: names }) => ({ name, entries: names.flatMap((each) => of(each) ?? []) })),
    ...(more.length > 0 ? [{ name: 'More', entries: more }] : []),
    {
      name: 'Reference',
      entries: [
        ...references.map(({ title, path, about }) => ({ title, path, about })),
        { title: 'Every option of a configuration', path: 'documentation/configuration.yaml' },
        {
          title: 'Decisions',
          path: 'documentation/decisions/README.html',
          about: 'What was chosen, the alternatives, and what would change our mind.',
        },
      ],
    },
  ];
  const lists = sections.map(({ name, entries }) => {
    const items = entries.map(
      ({ title, path, about }) =>
        `<li><a href="${posix.relative('documentation', path)}">${escaped(title)}</a>${about === undefined ? '' : `<p>${escaped(about)}</p>`}</li>`,
    );
    return `<h2>${name}</h2>\n<ul class="contents">${items.join('\n')}</ul>`;
  });
  return {
    title: 'Documentation',
    path: 'documentation/index.html',
    content: `<h1>Documentation</h1>\n<p class="lead">Sequence-to-sequence learning for TypeScript.</p>\n<div class="documentation">${lists.join('\n')}</div>`,
  };
}

function addressOf(name) {
  return `documentation/${name.replace(/\.md$/, '.html')}`;
}

/** A page's HTML; `name` is its file in docs/. */
function article(markdown, name) {
  const marked = new Marked();
  const known = new Map();
  let title;
  marked.use({
    renderer: {
      heading({ tokens, depth, text }) {
        if (depth === 1) title ??= text.replace(/[`*_]/g, '');
        return `<h${depth} id="${anchor(text, known)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        const address = linked(href, name);
        return address === undefined ? text : `<a href="${escaped(address)}">${text}</a>`;
      },
      table(token) {
        // The parser's own, in a box that scrolls.
        return `<div class="table" tabindex="0" role="region" aria-label="Table">${defaultTable.call(this, token)}</div>`;
      },
    },
  });
  const defaultTable = marked.Renderer.prototype.table;
  const content = marked.parse(markdown);
  return { title: title ?? name, content: `<article class="documentation">${content}</article>` };
}

/** Where a link of a page leads on the site. Undefined for what is only in the repository. */
function linked(href, name) {
  if (/^(https?:|#)/.test(href)) return href;
  const [path, fragment] = href.split('#');
  const target = posix.normalize(posix.join(dirname(name), path));
  const isThere =
    !target.startsWith('..') && (target.endsWith('.md') || files.some((file) => target === file || target.startsWith(`${file}/`)));
  if (!isThere) return undefined;
  return `${path.replace(/\.md$/, '.html')}${fragment === undefined ? '' : `#${fragment}`}`;
}

/** As GitHub names headings. */
function anchor(text, known) {
  const base = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
  const count = known.get(base) ?? 0;
  known.set(base, count + 1);
  return count === 0 ? base : `${base}-${count}`;
}
