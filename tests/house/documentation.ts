import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './sources.js';

/** A fenced block of a page: ```` ```language word word ````. */
export interface CodeBlock {
  readonly page: string;
  /** Line of the opening fence. */
  readonly line: number;
  readonly language: string;
  /** Words after the language: `run`, `part`, or a name that the block is saved under. */
  readonly words: readonly string[];
  readonly text: string;
}

export function pages(): string[] {
  const inDocs = readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  return [
    'README.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'recipes/README.md',
    ...inDocs.map((name) => `docs/${name.replaceAll('\\', '/')}`),
  ];
}

export function codeBlocks(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { line: number; language: string; words: string[]; text: string[] } | undefined;
  for (const [index, line] of readPage(page).split('\n').entries()) {
    if (open !== undefined && line === '```') {
      blocks.push({ page, ...open, text: open.text.join('\n') });
      open = undefined;
    } else if (open !== undefined) {
      open.text.push(line);
    } else if (line.startsWith('```')) {
      const [language = '', ...words] = line.slice(3).trim().split(/\s+/);
      open = { line: index + 1, language, words, text: [] };
    }
  }
  return blocks;
}

/** Every command line that begins with `decade`, as its arguments: in fenced and indented blocks and between back-quotes. */
export function decadeCommands(page: string): { line: number; arguments: string[] }[] {
  const commands: { line: number; arguments: string[] }[] = [];
  const text = readPage(page).replace(/\\\n\s*/g, (joint) => ' '.repeat(joint.length));
  for (const match of text.matchAll(
    /(?<=^\s*(?:\$ )?|`|\| ?)(?:npm run (?:-s|--silent) decade -- |npx decade |decade )([a-z][^\n`|>#]*)/gm,
  )) {
    const line = text.slice(0, match.index).split('\n').length;
    commands.push({ line, arguments: (match[1] ?? '').trim().split(/\s+/) });
  }
  return commands;
}

/** Relative links of a page. */
export function links(page: string): string[] {
  return [...readPage(page).matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)].map((match) => match[1] ?? '');
}

function readPage(page: string): string {
  return readFileSync(join(repository, page), 'utf8');
}
