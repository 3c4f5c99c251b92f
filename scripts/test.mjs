// Runs the compiled tests with Node's own runner. `npm test -- bleu beam` runs the files whose path contains a word;
// arguments that begin with a dash go to `node --test`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const words = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

// The list comes from the sources: a compiled test may outlive its source.
const files = readdirSync(join(root, 'tests'), { recursive: true })
  .map((name) => name.split(sep).join('/'))
  .filter((name) => name.endsWith('.test.ts') && (words.length === 0 || words.some((word) => name.includes(word))))
  .map((name) => join('dist', 'tests', name.replace(/\.ts$/, '.js')))
  .sort();
const missing = files.filter((name) => !existsSync(join(root, name)));
if (files.length === 0 || missing.length > 0) {
  console.error(
    files.length === 0 ? `no test file contains ${words.join(' or ')}` : `not compiled: ${relative(root, missing[0])}; run npm run build`,
  );
  process.exit(1);
}
const [major, minor] = process.versions.node.split('.').map(Number);
// One file more than there are cores, since tests also wait: for processes, signals and the disk. 20.10 brought the option.
const together = major > 20 || minor >= 10 ? [`--test-concurrency=${availableParallelism() + 1}`] : [];
// Even on a busy machine, a file that takes this long hangs.
const timeout = '--test-timeout=300000';
const runner = ['--test', '--test-reporter=spec', timeout, ...together];
const groups = join('.build', 'test-groups');
const { status } = spawnSync(process.execPath, [...runner, ...options, ...(words.length === 0 ? grouped(files) : files)], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
process.exit(status ?? 1);

/**
 * Most tests are over before Node has loaded what they import, so those of a folder share a process: not so many that the limit of time
 * ends them on a busy machine, each in a suite of its own, to which its hooks belong. Whatever changes or measures its process, starts threads or
 * other programs, or bundles, is alone in it.
 */
function grouped(files) {
  const isItsOwn =
    /process\.(env|exit|memoryUsage|on|resourceUsage|stderr|stdout)|globalThis\.\w+ =|node:child_process|node:worker_threads|[kK]eptThreads|nodeRuntime|esbuild/;
  /** The host of commands, which ends when all files of its process have ended. */
  const host = 'cli/decade';
  const most = 8;
  const alone = [];
  const together = new Map();
  for (const file of files) {
    const source = readFileSync(join(root, file.replace(/^dist[/\\]/, '').replace(/\.js$/, '.ts')), 'utf8');
    const folder = file.split(/[/\\]/)[2];
    if (isItsOwn.test(source)) alone.push(file);
    else {
      const usesHost = source.includes("/decade.js'");
      together.set(folder, [...(together.get(folder) ?? []), { file, usesHost }]);
    }
  }
  rmSync(join(root, groups), { recursive: true, force: true });
  mkdirSync(join(root, groups), { recursive: true });
  const made = [];
  for (const [folder, all] of together) {
    const size = Math.ceil(all.length / Math.ceil(all.length / most));
    for (let first = 0; first < all.length; first += size) {
      const members = all.slice(first, first + size);
      const group = join(groups, `${folder}-${first / size + 1}.mjs`);
      const nameOf = (file) => relative(join('dist', 'tests'), file).split(sep).join('/');
      const path = (file) => relative(dirname(group), file).split(sep).join('/');
      writeFileSync(
        join(root, group),
        [
          "import { describe } from 'node:test';",
          ...(members.some(({ usesHost }) => usesHost) ? [`import '${path(join('dist', 'tests', `${host}.js`))}';`] : []),
          ...members.map(({ file }) => `describe('${nameOf(file)}', () => import('${path(file)}'));`),
          '',
        ].join('\n'),
      );
      made.push(group);
    }
  }
  return [...made, ...alone];
}
