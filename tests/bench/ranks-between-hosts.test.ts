import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Hosts, launchers, type MpiLauncher, NoHosts, outputOf } from '../../bench/ranks/hosts.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/parallel/train.js';

const decade = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const missing = Object.values(launchers).filter((command) => spawnSync(command, ['--version']).error !== undefined);
const reason = Hosts.whyNot() ?? (missing.length > 0 ? `${missing.join(' and ')} not installed` : undefined);
// Continuous integration installs what is needed and asks that nothing be skipped; root who has it all must get the hosts.
const skip = process.env.DECADE_REQUIRE_MPI === '1' ? false : (reason ?? false);

const folder = mkdtempSync(join(tmpdir(), 'decade-between-hosts-'));
const configuration = join(folder, 'tiny.yaml');
writeFileSync(
  configuration,
  `version: 1
data: { train: { generator: 'digits:copy', pairs: 60 } }
tokenizer: { kind: bytes }
model: { kind: lstm, hidden: 64, layers: 1, embedding: 16 }
training:
  batch: { sentences: 16 }
  stop: { steps: 5 }
  checkpoint: { every: { steps: 5 } }
  optimizer: { kind: adam }
`,
);
/** Seconds after which a rank that is not heard of is gone. */
const silence = 2;
let hosts: Hosts | undefined;
after(() => {
  hosts?.remove();
  rmSync(folder, { recursive: true, force: true });
});

function onHosts(launcher: MpiLauncher, out: string, ...more: readonly string[]) {
  hosts ??= new Hosts();
  const command = [process.execPath, decade, 'train', configuration, '--out', join(folder, out)];
  const words = [...command, '--devices', '1', '--gemm', 'webassembly', ...more];
  return outputOf(hosts.onBoth(launcher, words), { environment: { DECADE_MPI_SILENCE: String(silence) }, seconds: 60 });
}

const modelOf = (out: string) => readFileSync(join(folder, out, 'model.safetensors'));

/** The values of a file of tensors, without its header. */
function valuesOf(file: Buffer): Float32Array {
  const bytes = file.subarray(8 + Number(file.readBigUInt64LE(0)));
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

test('two hosts on a slow line train the same with both libraries, and as one process does', {
  skip,
  timeout: 120_000,
}, async (context) => {
  hosts ??= new Hosts();
  const parameterBytes = 4 * 20_000;
  for (const launcher of ['openmpi', 'mpich'] as const) {
    const before = hosts.sentBytes();
    if (launcher === 'openmpi') {
      hosts.shape({ bitsPerSecond: 40e6, milliseconds: 2 }, (told) => context.diagnostic(told));
    } else hosts.shape();
    const { code, output } = await onHosts(launcher, launcher);
    assert.equal(code, 0, output);
    assert.match(output, /2 devices of 2 ranks/);
    // Of gradients and of parameters each host sends half, five times.
    for (const [host, sent] of hosts.sentBytes().entries()) {
      const bytes = sent - (before[host] as number);
      assert.ok(bytes > 5 * parameterBytes, `${launcher}: host ${host + 1} sent ${bytes} bytes`);
    }
  }
  assert.deepEqual(modelOf('openmpi'), modelOf('mpich'));
  await train(nodeRuntime, configuration, { out: join(folder, 'alone'), devices: 1, gemm: 'webassembly' });
  const [together, alone] = [valuesOf(modelOf('openmpi')), valuesOf(modelOf('alone'))];
  assert.ok(alone.length * 4 > parameterBytes, String(alone.length));
  const norm = (of: Float32Array) => Math.sqrt(of.reduce((sum, value) => sum + value * value, 0));
  const difference = norm(alone.map((value, index) => value - (together[index] as number)));
  assert.ok(difference <= 1e-5 * norm(alone), String(difference / norm(alone)));
});

test('a cable that is cut ends both hosts in time with one error, and the run goes on bit for bit', {
  skip,
  timeout: 120_000,
}, async () => {
  hosts ??= new Hosts();
  hosts.shape();
  const checkpoints = join(folder, 'cut', 'checkpoints');
  const saved = () => {
    const names = existsSync(checkpoints) ? readdirSync(checkpoints) : [];
    return Math.max(0, ...names.flatMap((name) => (/^step-\d+$/.test(name) ? [Number(name.slice(5))] : [])));
  };
  const running = onHosts('openmpi', 'cut', '--set', 'training.stop={ steps: 1000000 }');
  while (saved() < 10) await sleep(20);
  hosts.cut();
  const cutAt = performance.now();
  const { code, output } = await running;
  const seconds = (performance.now() - cutAt) / 1_000;
  assert.ok(seconds < silence + 10, `${seconds} s`);
  assert.notEqual(code, 0);
  assert.equal(output.match(/has not been heard of for 2 s/g)?.length, 1, output);
  assert.match(output, /the last checkpoint stands: start all ranks again with --resume/i);
  hosts.clear();
  hosts.mend();
  const stop = `training.stop={ steps: ${saved() + 5} }`;
  for (const [out, ...more] of [['cut', '--resume'], ['uncut']] as const) {
    const finished = await onHosts('openmpi', out, '--set', stop, ...more);
    assert.equal(finished.code, 0, finished.output);
  }
  assert.deepEqual(modelOf('cut'), modelOf('uncut'));
});

test('hosts that cannot be had are refused with the reason', { skip: reason === undefined ? 'they can be had' : false }, () => {
  assert.throws(() => new Hosts(), NoHosts);
});
