import { existsSync } from 'node:fs';
import type { LauncherKind } from './launcher.js';

/** What to do to have a launcher's library. */
export function installMpi(launcher: LauncherKind | undefined): string {
  const named = launcher === 'mpich' ? 'mpich' : 'openmpi';
  const administrator = process.getuid?.() === 0 ? '' : 'sudo ';
  if (process.platform === 'darwin') return `install it with brew install ${named === 'mpich' ? 'mpich' : 'open-mpi'}`;
  if (existsSync('/usr/bin/apt-get'))
    return `install it with ${administrator}apt-get install ${named === 'mpich' ? 'mpich' : 'openmpi-bin'}`;
  if (existsSync('/usr/bin/dnf')) return `install it with ${administrator}dnf install ${named}`;
  if (existsSync('/usr/bin/pacman')) return `install it with ${administrator}pacman -S ${named}`;
  return 'install Open MPI or MPICH, or load the module that has it';
}
