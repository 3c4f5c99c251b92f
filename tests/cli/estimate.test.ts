import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { decade, decadeProcess, temporaryDirectory, writeTinyConfiguration } from './decade.js';

const directory = temporaryDirectory();
const configuration = writeTinyConfiguration(directory);
after(() => rmSync(directory, { recursive: true, force: true }));

test('a small run stays below the memory that its estimate prints', async () => {
  const listener = join(directory, 'peak.mjs');
  writeFileSync(listener, 'process.on("exit", () => console.error("peak", process.resourceUsage().maxRSS));\n');
  const { stdout } = await decade(['estimate', configuration, '--devices', '2', '--json']);
  const { memory } = JSON.parse(stdout) as { memory: { fits: boolean; totalMiB: number } };
  const run = await decadeProcess(['train', configuration, '--devices', '2', '--out', join(directory, 'run')], {
    environment: { NODE_OPTIONS: `--import ${pathToFileURL(listener)}` },
  });
  assert.equal(run.code, 0, run.stderr);
  const peakMiB = Number(/^peak (\d+)$/m.exec(run.stderr)?.[1]) / 1024;
  assert.ok(memory.fits && peakMiB < memory.totalMiB, `${peakMiB} MiB, estimated ${memory.totalMiB}`);
  assert.ok(memory.totalMiB < 3 * peakMiB, `${peakMiB} MiB, estimated ${memory.totalMiB}`);
});

test('a configuration that cannot be allocated gets no speed and no time, but what to do', async () => {
  const huge = ['estimate', configuration, '--devices', '8', '--set', 'model.hidden=3000', '--set', 'model.attention=none'];
  const { code, stdout, stderr } = await decade(huge);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Memory {7}cannot be allocated on 8 devices: .* in one WebAssembly memory of 4\.0 GiB\n {13}use --devices \d/m);
  assert.doesNotMatch(stdout, /words\/s|^Time/m);
  const json = JSON.parse((await decade([...huge, '--json'])).stdout) as Record<string, unknown>;
  assert.deepEqual([json.wordsPerSecondAtMost, json.secondsAtLeast], [undefined, undefined]);
});
