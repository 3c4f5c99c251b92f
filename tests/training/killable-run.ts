/**
 * The program that killing.test.ts kills: trains in a directory, or goes on with what it finds there, and prints the
 * kind of each event on a line.
 *
 *     node killable-run.js DIRECTORY [OPERATION]
 *
 * With OPERATION, the process says `stuck` and hangs forever in the OPERATION-th change to the disk, half of it done
 * where that can be; without, it says how many there were.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Files } from '../../src/core/files.js';
import { nodeFiles } from '../../src/node/files/files.js';
import { train } from '../../src/training/train.js';
import { localContext, tinyConfiguration } from './tiny-run.js';

const [directory = '', stickAt] = process.argv.slice(2);
let operations = 0;

/** Hangs at the chosen operation, after doing half of it. */
async function counted<Result>(action: () => Promise<Result>, half?: () => Promise<unknown>): Promise<Result> {
  operations++;
  if (String(operations) === stickAt) {
    await half?.();
    process.stdout.write('stuck\n');
    await sleep(60_000);
    process.exit(1);
  }
  return action();
}

const files: Files = {
  ...nodeFiles,
  create: (path) =>
    counted(() => nodeFiles.create(path)).then((writer) => ({
      write: (bytes) =>
        counted(
          () => writer.write(bytes),
          () => writer.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => counted(() => writer.sync()),
      close: () => writer.close(),
    })),
  append: async (path) => {
    const writer = await nodeFiles.append(path);
    return {
      write: (bytes) =>
        counted(
          () => writer.write(bytes),
          () => writer.write(bytes.subarray(0, bytes.length >> 1)),
        ),
      sync: () => writer.sync(),
      close: () => writer.close(),
    };
  },
  truncate: (path, bytes) => counted(() => nodeFiles.truncate(path, bytes)),
  makeDirectory: (path) => counted(() => nodeFiles.makeDirectory(path)),
  rename: (from, to) => counted(() => nodeFiles.rename(from, to)),
  remove: (path) => counted(() => nodeFiles.remove(path)),
  lock: async (path) => {
    const attempt = await counted(
      () => nodeFiles.lock(path),
      () => nodeFiles.create(path).then((writer) => writer.close()),
    );
    return attempt.kind === 'held' ? { ...attempt, release: () => counted(() => attempt.release()) } : attempt;
  },
};

const context = localContext(files);
const out = `${directory}/out`;
const summary = await train(
  {
    ...context,
    openExecutor: async (setup) => {
      const executor = await context.openExecutor(setup);
      return {
        // Long enough for a kill to hit the middle of something.
        update: async (...update) => sleep(2).then(() => executor.update(...update)),
        evaluate: (...evaluation) => executor.evaluate(...evaluation),
        decoding: () => executor.decoding(),
        collect: () => executor.collect(),
        distribute: (values) => executor.distribute(values),
        placement: executor.placement,
        dispose: () => executor.dispose(),
      };
    },
  },
  tinyConfiguration(
    {
      stop: { steps: 24 },
      accumulate: 2,
      batch: { sentences: 20 },
      report: { every: { steps: 2 } },
      validate: { every: { steps: 5 } },
      checkpoint: { every: { steps: 4 }, keep: 2, average: 2 },
    },
    { directory },
  ),
  { out, resume: (await nodeFiles.kind(out)) === 'directory', onEvent: ({ kind }) => process.stdout.write(`${kind}\n`) },
);
process.stdout.write(`done ${summary.steps} ${operations}\n`);
