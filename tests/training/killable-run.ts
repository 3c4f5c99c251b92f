/**
 * The program that killing.test.ts kills: trains in a directory as its configuration.json says, or goes on with what it finds there,
 * and prints the kind of each event on a line.
 *
 *     node killable-run.js DIRECTORY [MOMENT]
 *
 * At MOMENT the process says `stuck` and hangs: 17 is the 17th change to the disk, half of it done where that can be; `update 5` is the
 * end of that update. Without, it says how many changes to the disk there were.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Files } from '../../src/core/files.js';
import { nodeFiles } from '../../src/node/files/files.js';
import { readConfiguration } from '../../src/training/configuration.js';
import type { TrainingEvent } from '../../src/training/events.js';
import { train } from '../../src/training/train.js';
import { localContext } from './tiny-run.js';

const [directory = '', stickAt] = process.argv.slice(2);
let operations = 0;
const say = (line: string) => writeSync(1, `${line}\n`);

/** Hangs at the chosen operation, after doing half of it. */
async function counted<Result>(action: () => Promise<Result>, half?: () => Promise<unknown>): Promise<Result> {
  operations++;
  if (String(operations) === stickAt) {
    await half?.();
    say('stuck');
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

function onEvent(event: TrainingEvent): void {
  say(event.kind);
  if (event.kind !== 'update' || stickAt !== `update ${event.steps}`) return;
  say('stuck');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
  process.exit(1);
}

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
  // JSON is YAML.
  await readConfiguration(nodeFiles, `${directory}/configuration.json`),
  { out, resume: (await nodeFiles.kind(out)) === 'directory', onEvent },
);
say(`done ${summary.steps} ${operations}`);
