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
// Two files more than there are cores, since tests also wait: for processes, signals and the disk. 20.10 brought the option.
const together = major > 20 || minor >= 10 ? [`--test-concurrency=${availableParallelism() + 2}`] : [];
// Even on a busy machine, a file that takes this long hangs.
const timeout = '--test-timeout=300000';
const runner = ['--test', '--test-reporter=spec', timeout, ...together];
// Node runs files in the order of their names: those that stay alone wait most, and come first.
const groups = join('dist', 'together');
const { status } = spawnSync(process.execPath, [...runner, ...options, ...(words.length === 0 ? grouped(files) : files)], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
process.exit(status ?? 1);

/**
 * Most tests are over before Node has loaded what they import, so those of a folder share a process: not so many that the limit of time
 * ends them on a busy machine, each in a suite of its own, to which its hooks belong. Whatever changes or measures its process, starts
 * other programs or bundles is alone in it.
 */
function grouped(files) {
  const isItsOwn = /process\.(env|exit|memoryUsage|on|resourceUsage|stderr|stdout)|globalThis\.\w+ =|node:worker_threads|esbuild/;
  /** What the files of a process use together, and end when all of them have ended. */
  const host = 'cli/decade';
  const shared = [host, 'parallel/kept-threads', 'server/served-models'];
  /** Counts twice, as it takes longer: who keeps threads trains. */
  const isLong = /kept-threads|node:child_process/;
  const most = 14;
  const alone = [];
  const together = new Map();
  for (const file of files) {
    const source = readFileSync(join(root, file.replace(/^dist[/\\]/, '').replace(/\.js$/, '.ts')), 'utf8');
    const folder = file.split(/[/\\]/)[2];
    const uses = shared.filter((name) => source.includes(`/${name.split('/')[1]}.js'`));
    // The host of commands is another program already, and takes longest to start.
    const startsOthers = source.includes('node:child_process') && !uses.includes(host);
    if (isItsOwn.test(source) || startsOthers) {
      alone.push(file);
      continue;
    }
    const weight = isLong.test(source) ? 2 : 1;
    const groupsOfFolder = together.get(folder) ?? [];
    const open = groupsOfFolder.find((group) => group.weight + weight <= most) ?? { weight: 0, files: [], uses: new Set() };
    if (open.weight === 0) together.set(folder, [...groupsOfFolder, open]);
    open.weight += weight;
    open.files.push(file);
    for (const name of uses) open.uses.add(name);
  }
  rmSync(join(root, groups), { recursive: true, force: true });
  mkdirSync(join(root, groups), { recursive: true });
  const made = [...together].flatMap(([folder, groupsOfFolder]) =>
    groupsOfFolder.map(({ files: members, uses }, index) => {
      const group = join(groups, `${folder}-${index + 1}.mjs`);
      const nameOf = (file) => relative(join('dist', 'tests'), file).split(sep).join('/');
      const path = (file) => relative(dirname(group), file).split(sep).join('/');
      writeFileSync(
        join(root, group),
        [
          "import { describe } from 'node:test';",
          ...[...uses].map((name) => `import '${path(join('dist', 'tests', `${name}.js`))}';`),
          ...members.map((file) => `describe('${nameOf(file)}', () => import('${path(file)}'));`),
          '',
        ].join('\n'),
      );
      return group;
    }),
  );
  return [...made, ...alone];
}
