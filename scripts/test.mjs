// Runs the compiled tests with Node's own runner. `npm test -- bleu beam` runs the files whose path contains a word;
// arguments that begin with a dash go to `node --test`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, sep } from 'node:path';
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
// Two processes more than there are cores, since tests also wait: for processes, signals and the disk. 20.10 brought the option.
const together = major > 20 || minor >= 10 ? [`--test-concurrency=${availableParallelism() + 2}`] : [];
// Even on a busy machine, a process that takes this long hangs.
const timeout = '--test-timeout=600000';
// Most code of a test runs for too short a time to earn what optimising it takes: V8 is to wait some times longer before it does.
const patience = '--interrupt-budget=1000000';
// The compiler is written in Go, and spends a third of its time on finding garbage, of which it leaves little.
const env = { ...process.env, GOGC: '400' };
const runner = [patience, '--test', '--test-reporter=spec', timeout, ...together];
const { status } = spawnSync(process.execPath, [...runner, ...options, ...(words.length === 0 ? processes(files) : files)], {
  cwd: root,
  env,
  stdio: ['ignore', 'inherit', 'inherit'],
});
process.exit(status ?? 1);

/**
 * Most tests are over before Node has loaded what they import, so neighbours share a process: not so many that the limit of time
 * ends them on a busy machine, each in a suite of its own, to which its hooks belong. Whatever changes or measures its process, starts
 * other programs or bundles is alone in it. Node starts processes in the order of their names: those that wait for other programs come
 * first, and the shortest last, so that all cores have work to the end.
 */
function processes(files) {
  const isItsOwn = /process\.(env|exit|memoryUsage|on|resourceUsage|stderr|stdout)|globalThis\.\w+ =|node:worker_threads|esbuild/;
  /** What the files of a process use together, and end when all of them have ended. */
  const host = 'cli/decade';
  const shared = [host, 'parallel/kept-threads', 'server/served-models'];
  /** What takes longer counts more: ranks and the site, then other pages, then commands, then trainings on threads. */
  const weights = [
    [/\/(mpi|built-site)\.js'/, 14],
    [/\/(browser|web-page)\.js'/, 5],
    [/\/decade\.js'|node:child_process/, 3],
    [/kept-threads/, 2],
  ];
  const most = 14;
  const alone = [];
  const groups = [];
  for (const file of files) {
    const source = readFileSync(join(root, file.replace(/^dist[/\\]/, '').replace(/\.js$/, '.ts')), 'utf8');
    const uses = shared.filter((name) => source.includes(`/${name.split('/')[1]}.js'`));
    // The host of commands is another program already, and takes longest to start.
    const startsOthers = source.includes('node:child_process') && !uses.includes(host);
    if (startsOthers || isItsOwn.test(source)) {
      alone.push({ weight: startsOthers ? most : most / 2, files: [file], uses });
      continue;
    }
    const weight = weights.find(([pattern]) => pattern.test(source))?.[1] ?? 1;
    if (groups.length === 0 || groups.at(-1).weight + weight > most) groups.push({ weight: 0, files: [], uses: [] });
    const group = groups.at(-1);
    group.weight += weight;
    group.files.push(file);
    group.uses = [...new Set([...group.uses, ...uses])];
  }
  const folder = join('dist', 'together');
  rmSync(join(root, folder), { recursive: true, force: true });
  mkdirSync(join(root, folder), { recursive: true });
  return [...alone, ...groups]
    .sort((one, other) => other.weight - one.weight)
    .map(({ files: members, uses }, index) => {
      const nameOf = (file) =>
        relative(join('dist', 'tests'), file)
          .split(sep)
          .join('/')
          .replace(/\.test\.js$/, '');
      const number = String(index + 1).padStart(3, '0');
      const path = join(folder, `${number}-${nameOf(members[0]).replaceAll('/', '-')}.mjs`);
      const names = JSON.stringify({ shared: uses, files: members.map(nameOf) });
      writeFileSync(join(root, path), `import { runTogether } from '../../scripts/together.mjs';\n\nawait runTogether(${names});\n`);
      return path;
    });
}
