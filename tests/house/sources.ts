import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, wherever this file was compiled to. */
export const repository = findRepository(dirname(fileURLToPath(import.meta.url)));

function findRepository(folder: string): string {
  if (readdirSync(folder).includes('package.json')) return folder;
  return findRepository(dirname(folder));
}

/** Where the compiled `src` of this very build is. */
export const compiledSource = fileURLToPath(new URL('../../src', import.meta.url));

/** Every TypeScript file of `src` but the kernels' AssemblyScript, as `data/batch.ts`. */
export function sourceFiles(): string[] {
  return readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(sep).join('/'))
    .filter((name) => name.endsWith('.ts') && !name.includes('/assembly/'))
    .sort();
}

/** What a source file imports: files of `src` as `core/errors.ts`, packages by their specifier. Types count. */
export function importsOf(file: string): string[] {
  const text = readFileSync(join(repository, 'src', file), 'utf8');
  const specifiers = [...text.matchAll(importPattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return specifiers.map((specifier) =>
    specifier.startsWith('.')
      ? relative('/', join('/', dirname(file), specifier))
          .split(sep)
          .join('/')
          .replace(/\.js$/, '.ts')
      : specifier,
  );
}

/** `import ... from 'x'`, `export ... from 'x'`; `import 'x'`; `import('x')`. */
const importPattern = /^(?:import|export)\b[^'";]*?\bfrom\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'/gm;
