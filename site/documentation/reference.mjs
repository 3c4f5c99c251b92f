import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Marked } from 'marked';
import { API } from 'typescript/unstable/sync';
import { escaped } from './escape.mjs';

/** The entries of the package. */
export const references = [
  {
    title: 'decade',
    entry: 'index.d.ts',
    path: 'documentation/reference.html',
    about: 'What the package offers under Node.',
  },
  {
    title: 'decade/browser',
    entry: 'browser/index.d.ts',
    path: 'documentation/reference-browser.html',
    about: 'What it offers in a page.',
  },
];

const declarations = fileURLToPath(new URL('../../dist/src', import.meta.url));
/** What is used comes before what it takes and gives. */
const kinds = ['function', 'class', 'const', 'interface', 'type'];
const marked = new Marked();

/** A page for each entry, made from the declarations that the compiler has written and their comments. */
export function referencePages() {
  const config = join(declarations, 'reference.tsconfig.json').replaceAll('\\', '/');
  const settings = {
    compilerOptions: { module: 'nodenext', target: 'es2022', lib: ['es2023', 'dom', 'esnext.disposable'], types: [], skipLibCheck: true },
    files: references.map(({ entry }) => entry),
  };
  const fs = {
    readFile: (path) => (path === config ? JSON.stringify(settings) : undefined),
    fileExists: (path) => (path === config ? true : undefined),
  };
  const compiler = new API({ cwd: declarations, fs });
  try {
    const [project] = compiler.updateSnapshot({ openProjects: [config] }).getProjects();
    return references.map((reference) => ({ ...reference, content: content(reference, exportsOf(project, reference.entry)) }));
  } finally {
    compiler.close();
  }
}

/** What an entry exports: of each its kind, its declaration, its documentation and its members. */
function exportsOf(project, entry) {
  const { checker, program } = project;
  const file = program.getSourceFile(join(declarations, entry).replaceAll('\\', '/'));
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file)).map((symbol) => {
    const declared = symbol.declarations[0]?.resolve(project);
    // A name that is handed on from another file.
    const isAlias = /^\s*(?:type\s+)?\w+(?:\s+as\s+\w+)?\s*$/.test(declared?.getText() ?? '');
    return { name: symbol.name, symbol: isAlias ? checker.getAliasedSymbol(symbol) : symbol };
  });
  const library = exported.find(({ name }) => name === 'Decade');
  return exported
    .map(({ name, symbol }) => {
      const node = symbol.declarations[0].resolve(project);
      const text = node.getText();
      // A function of the entry is a member of the library, where its parameters are.
      const [, member] = /: Decade\['(\w+)'\]$/.exec(text) ?? [];
      if (member !== undefined && library !== undefined) {
        const called = library.symbol.getMembers().get(member);
        return { name, kind: 'function', text: textOf(called, project), ...documentationOf(called, checker), members: [] };
      }
      const kind = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|function)\b/.exec(text)?.[1] ?? 'const';
      const hasMembers = kind === 'class' || kind === 'interface';
      return {
        ...{ name, kind, text: hasMembers ? headOf(text) : text },
        ...documentationOf(symbol, checker),
        members: hasMembers ? membersOf(symbol, project) : [],
      };
    })
    .sort((one, other) => kinds.indexOf(one.kind) - kinds.indexOf(other.kind) || one.name.localeCompare(other.name));
}

function membersOf(symbol, project) {
  return [...symbol.getMembers().values()]
    .filter(({ name, declarations: [first] }) => first !== undefined && !name.startsWith('__#') && !name.startsWith('#'))
    .map((member) => ({ text: textOf(member, project), ...documentationOf(member, project.checker) }))
    .filter(({ text }) => !/^(?:private\b|#)/.test(text));
}

function textOf(symbol, project) {
  return symbol.declarations.map((declaration) => declaration.resolve(project).getText()).join('\n');
}

/** `interface LoadOptions extends DecodingOptionsInput` */
function headOf(text) {
  return text.slice(0, text.indexOf('{')).trim();
}

function documentationOf(symbol, checker) {
  return { about: checker.getDocumentationCommentOfSymbol(symbol), tags: checker.getJsDocTagsOfSymbol(symbol) };
}

function content({ title, about }, exported) {
  const names = new Set(exported.map(({ name }) => name));
  const index = exported.map(({ name }) => `<li><a href="#${name}">${name}</a></li>`);
  return `<h1>${title}</h1>
<p class="lead">${about}</p>
<div class="documentation reference">
<ul class="names">${index.join('')}</ul>
${exported.map((each) => entryOf(each, names)).join('\n')}
</div>`;
}

function entryOf({ name, kind, text, members, ...documentation }, names) {
  const others = new Set([...names].filter((other) => other !== name));
  const list = members.map(
    ({ text: member, ...documentationOfMember }) => `<dt>${code(member, names)}</dt><dd>${documented(documentationOfMember)}</dd>`,
  );
  return `<section id="${name}" aria-labelledby="${name}-name">
<h2 id="${name}-name">${name} <small>${kind === 'const' ? 'value' : kind}</small></h2>
${code(text.replace(/^export (?:declare )?/, ''), others)}
${documented(documentation)}
${list.length > 0 ? `<dl class="members">${list.join('\n')}</dl>` : ''}
</section>`;
}

function documented({ about, tags }) {
  const parts = [marked.parse(about)];
  const of = (name) => tags.filter((tag) => tag.name === name).map(({ text }) => textOfTag(text));
  const parameters = of('param').map((text) => text.replace(/^(\S+)\s*/, '`$1` – '));
  if (parameters.length > 0) parts.push(marked.parse(parameters.map((text) => `- ${text.replaceAll('\n', ' ')}`).join('\n')));
  for (const text of of('returns')) parts.push(marked.parse(`Returns ${text}`));
  for (const text of of('throws')) parts.push(marked.parse(`Throws ${text}`));
  for (const text of of('example')) parts.push(`<pre><code>${escaped(text)}</code></pre>`);
  return parts.join('\n');
}

function textOfTag(text) {
  return Array.isArray(text) ? text.map((part) => part.text).join('') : (text ?? '');
}

/** Code whose names lead to what they are. */
function code(text, names) {
  const linked = escaped(withoutIndent(text)).replaceAll(/\b[A-Z]\w+\b/g, (name) =>
    names.has(name) ? `<a href="#${name}">${name}</a>` : name,
  );
  return `<pre><code>${linked}</code></pre>`;
}

/** As if the first line stood at the margin. */
function withoutIndent(text) {
  const [first = '', ...rest] = text.split('\n');
  const indents = rest.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const least = indents.length === 0 ? 0 : Math.min(...indents);
  return [first, ...rest.map((line) => line.slice(least))].join('\n');
}
