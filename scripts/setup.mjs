// Runs before `npm start`, `npm test` and `npm run decade`: installs what is missing and builds what has changed, so that
// each of them works from a clean clone. Everything it says goes to standard error: standard output is the command's.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lockFile = join(root, 'package-lock.json');
const installedLockFile = join(root, 'node_modules/.package-lock.json');
const builtFrom = join(root, 'dist/built-from.txt');
const busy = join(root, '.build/setup.lock');

const oldest = 20;
if (Number(process.versions.node.split('.')[0]) < oldest) {
  fail(`decade needs Node.js ${oldest} or later; this is ${process.version}. See https://nodejs.org/`);
}
if (!isInstalled() || !isBuilt(sourceState())) {
  await exclusively(() => {
    // Another process may have done the work while this one waited.
    if (!isInstalled()) install();
    const state = sourceState();
    if (!isBuilt(state)) build(state);
  });
}

function isInstalled() {
  return existsSync(installedLockFile) && statSync(installedLockFile).mtimeMs >= statSync(lockFile).mtimeMs;
}

function install() {
  console.error('decade: installing dependencies ...');
  // No dependency needs an install script. `--include` because a production environment would leave the compiler out.
  run(npm(), ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'], 'npm ci');
  const now = new Date();
  utimesSync(installedLockFile, now, now);
}

/** Name, size and time of everything the build reads, as text: equal text means nothing to build. */
function sourceState() {
  const lines = [];
  const add = (path) => {
    const { size, mtimeMs } = statSync(join(root, path));
    lines.push(`${path} ${size} ${mtimeMs}`);
  };
  for (const folder of ['src', 'tests', 'bench']) {
    if (!existsSync(join(root, folder))) continue;
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath ?? entry.path, entry.name).slice(root.length);
      if (entry.isFile() && path.endsWith('.ts') && basename(dirname(path)) !== 'generated') add(path);
    }
  }
  for (const path of ['tsconfig.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/build-kernels.mjs']) add(path);
  return lines.sort().join('\n');
}

function isBuilt(state) {
  return existsSync(builtFrom) && readFileSync(builtFrom, 'utf8') === state;
}

function build(state) {
  console.error('decade: building ...');
  rmSync(builtFrom, { force: true });
  run([process.execPath], ['scripts/build.mjs'], 'the build');
  writeFileSync(builtFrom, state);
}

/** npm as the command that started this script knows it; a bare `npm` is found by the shell on Windows. */
function npm() {
  const path = process.env.npm_execpath;
  return path !== undefined && /\.c?js$/.test(path) ? [process.execPath, path] : ['npm'];
}

function run([program, ...first], rest, name) {
  const { status, error } = spawnSync(program, [...first, ...rest], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && program === 'npm',
  });
  if (status !== 0) fail(`decade: ${name} failed${error === undefined ? '' : ` (${error.message})`}; see above`);
}

/** Runs `work` while no other process does: the lock file holds the number of the process at work. */
async function exclusively(work) {
  mkdirSync(dirname(busy), { recursive: true });
  for (let told = false; ; ) {
    try {
      writeFileSync(busy, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isAbandoned()) {
      rmSync(busy, { force: true });
      continue;
    }
    if (!told) console.error('decade: waiting for another process that installs or builds ...');
    told = true;
    await sleep(100);
  }
  process.on('exit', () => rmSync(busy, { force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
  work();
}

function isAbandoned() {
  let holder;
  let age;
  try {
    holder = Number(readFileSync(busy, 'utf8'));
    age = Date.now() - statSync(busy).mtimeMs;
  } catch {
    return false;
  }
  // A file that is still empty is being written, unless it stays so.
  if (!(holder > 0)) return age > 5_000;
  try {
    process.kill(holder, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
