import { isDrawing } from '../analysis/page/drawing.js';
import { isPage } from '../analysis/page/page.js';
import { replaceFile, writeTextFile } from '../checkpoint/whole-files.js';
import { fileError } from '../core/file-errors.js';
import { type Files, joinPath } from '../core/files.js';
import { beginningOfFile, type IsOwn, requireOwn } from '../core/own-file.js';
import { type Account, accountMarkdown, accountPage, accountPlots } from './account.js';

/** The files of an account: the table, the data, the page and each plot. */
export interface AccountFiles {
  readonly markdown: string;
  readonly json: string;
  readonly page: string;
  readonly plots: readonly string[];
}

/** Recognises earlier files of an experiment by their beginnings, by file extension. */
const isOwn: Readonly<Record<string, (experiment: string) => IsOwn>> = {
  '.md': () => (beginning) => /^## .+\n\nThe paper \(/.test(beginning),
  '.json': (experiment) => (beginning) => beginning.startsWith(`{\n  "experiment": ${JSON.stringify(experiment)},`),
  '.html': () => isPage,
  '.svg': () => isDrawing,
};

/** Throws `usage` if another file has a name that `writeAccount` uses, `input` if a file has the name of the directory. */
export async function requireOwnAccount(files: Files, directory: string, experiment: string): Promise<void> {
  const kind = await files.kind(directory);
  if (kind === 'missing') return;
  if (kind === 'file') throw fileError('notDirectory', directory);
  for (const name of await files.list(directory)) {
    const [, ending] = name.startsWith(experiment) ? (/^(?:-\d+)?(\.\w+)$/.exec(name.slice(experiment.length)) ?? []) : [];
    const own = isOwn[ending ?? '']?.(experiment);
    if (own === undefined) continue;
    const path = joinPath(directory, name);
    requireOwn(path, await beginningOfFile(files, path), own, 'move it elsewhere, or choose another directory with --out');
  }
}

export async function writeAccount(files: Files, directory: string, account: Account): Promise<AccountFiles> {
  const { experiment: name } = account;
  const plots = accountPlots(account);
  const { plots: _, widePlots: __, ...data } = account;
  await files.makeDirectory(directory);
  const write = async (file: string, text: string): Promise<string> => {
    await replaceFile(files, directory, file, (path) => writeTextFile(files, path, text));
    return joinPath(directory, file);
  };
  const markdown = await write(`${name}.md`, accountMarkdown(account, plots));
  const json = await write(`${name}.json`, `${JSON.stringify(data, undefined, 2)}\n`);
  const page = await write(`${name}.html`, await accountPage(account));
  const drawings: string[] = [];
  for (const { file, svg } of plots) drawings.push(await write(file, svg));
  return { markdown, json, page, plots: drawings };
}
