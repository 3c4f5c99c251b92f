import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const skip = process.platform === 'linux' ? false : 'only Linux limits addresses';
const unguarded = process.allowedNodeEnvironmentFlags.has('--disable-wasm-trap-handler');
const doctor = [fileURLToPath(new URL('../../src/cli/main.js', import.meta.url)), 'doctor'];
const moduleOf = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);
const program = `
  const { nodeRuntime } = await import(${moduleOf('node/runtime.js')});
  const memory = nodeRuntime.newMemory();
  const failures = [];
  for (let thread = 0; thread < 100 && failures.length === 0; thread++) {
    nodeRuntime.startThread().listen({ message: () => {}, failure: (reason, next) => failures.push(reason + '. ' + next) });
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  console.log(JSON.stringify({ memory: memory.maximumBytes, failures }));
  process.exit();
`;

/** What Node prints when it may use so many KiB of addresses. */
function limited(kibibytes: number, command: readonly string[], options = '') {
  return spawnSync('sh', ['-c', `ulimit -v ${kibibytes}; exec "$0" "$@"`, process.execPath, ...command], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: options },
    timeout: 60_000,
  });
}

describe('limited addresses', { skip }, () => {
  test('too few for a memory are an error that says what to set', () => {
    const { stderr, status } = limited(4_000_000, doctor);
    // Node 24 does without the addresses around a memory where they are missing.
    if (status !== 0) {
      assert.match(stderr, /^decade: memory: .*`ulimit -v unlimited`.*NODE_OPTIONS=--disable-wasm-trap-handler/);
      assert.equal(status, 1);
    }
    assert.match(limited(1_200_000, doctor).stderr, /^decade: memory: .* of address space left/);
  });

  test('with what it says a memory takes half of them, and a thread that finds none is refused', { skip: !unguarded }, () => {
    const { stdout, stderr } = limited(4_000_000, ['--input-type=module', '-e', program], '--disable-wasm-trap-handler');
    assert.match(stdout, /^\{/, stderr);
    const { memory, failures } = JSON.parse(stdout);
    assert.ok(memory > 2 ** 30 && memory < 2 ** 31, String(memory));
    assert.deepEqual(failures, ['no addresses are left for its thread. raise the limit (`ulimit -v`), or use fewer devices (--devices)']);
  });
});
