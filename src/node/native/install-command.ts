import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

/**
 * The one command that gives this machine a faster matrix library, or undefined where none is known.
 *
 * @param missing what cannot be used: koffi itself, or oneDNN
 */
export async function installCommand(missing: 'koffi' | 'onednn'): Promise<string | undefined> {
  if (missing === 'koffi') return 'npm install koffi';
  if (process.platform !== 'linux') return undefined;
  const administrator = process.getuid?.() === 0 ? '' : 'sudo ';
  if (existsSync('/usr/bin/apt-get')) return `${administrator}apt-get install ${await debianPackage()}`;
  if (existsSync('/usr/bin/dnf')) return `${administrator}dnf install onednn`;
  if (existsSync('/usr/bin/pacman')) return `${administrator}pacman -S onednn`;
  return undefined;
}

/** Debian's and Ubuntu's package of oneDNN has the version in its name. */
async function debianPackage(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('apt-cache', ['search', '--names-only', '^libdnnl[0-9.]+$'], { timeout: 5000 });
    const names = [...stdout.matchAll(/^(libdnnl[\d.]+) /gm)].map(([, name]) => name ?? '');
    return names.sort((left, right) => left.localeCompare(right, 'en', { numeric: true })).at(-1) ?? 'libopenblas0';
  } catch {
    return 'libopenblas0';
  }
}
