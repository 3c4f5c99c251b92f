import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NoResult, resultOf } from './program.js';

/**
 * The folder where the peers' own packages are, which are no dependencies of decade: installed the first time, in the
 * versions of the lock file.
 *
 * @throws NoResult when they cannot be installed
 */
export async function installedPackages(sources: string, folder: string): Promise<string> {
  const lock = 'package-lock.json';
  const same = (a: string, b: string) => existsSync(a) && existsSync(b) && readFileSync(a, 'utf8') === readFileSync(b, 'utf8');
  if (same(join(sources, lock), join(folder, lock)) && existsSync(join(folder, 'node_modules', '.package-lock.json'))) return folder;
  mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', lock]) copyFileSync(join(sources, name), join(folder, name));
  process.stderr.write('installing the packages of the peers ...\n');
  try {
    await resultOf({
      command: 'npm',
      arguments: ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--json'],
      directory: folder,
      seconds: 300,
    });
  } catch (error) {
    throw new NoResult(`the packages could not be installed: ${error instanceof Error ? error.message : String(error)}`);
  }
  return folder;
}
