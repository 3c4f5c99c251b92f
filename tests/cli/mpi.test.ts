import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const decade = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'decade-mpi-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Both libraries may be installed side by side; each has a launcher of its own. */
const launchers = {
  'Open MPI': ['mpirun.openmpi', '--oversubscribe', '--bind-to', 'none'],
  MPICH: ['mpirun.mpich'],
} as const;
const environment = {
  ...process.env,
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  DECADE_MPI_SILENCE: '10',
};
const isThere = (command: string) => spawnSync(command, ['--version']).error === undefined;

const configuration = join(folder, 'tiny.yaml');
writeFileSync(
  configuration,
  `version: 1
data: { train: { generator: 'digits:copy', pairs: 60 } }
tokenizer: { kind: bytes }
model: { kind: lstm, hidden: 16, layers: 1, embedding: 8 }
training: { batch: { sentences: 16 }, stop: { steps: 5 }, optimizer: { kind: adam } }
`,
);

function run(command: readonly string[], changes: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; output: string }> {
  const [program = '', ...words] = command;
  const child = spawn(program, words, { env: { ...environment, ...changes }, timeout: 90_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return new Promise((resolve, reject) => child.on('error', reject).on('close', (code) => resolve({ code, output })));
}

const training = (out: string) => [
  process.execPath,
  decade,
  'train',
  configuration,
  '--out',
  join(folder, out),
  '--devices',
  '1',
  '--gemm',
  'webassembly',
];
const model = (out: string) => readFileSync(join(folder, out, 'model.safetensors'));

for (const [name, launcher] of Object.entries(launchers)) {
  // Continuous integration, which installs both, asks that none be skipped.
  const missing = isThere(launcher[0]) ? false : `${launcher[0]} is not installed`;
  const skip = process.env.DECADE_REQUIRE_MPI === '1' ? false : missing;

  test(`two processes train together under ${name}, and only rank 0 speaks`, { skip }, async () => {
    const { code, output } = await run([...launcher, '-n', '2', ...training(name)]);
    assert.equal(code, 0, output);
    assert.equal(output.match(/2 devices of 2 ranks/g)?.length, 1, output);
    assert.equal(output.match(/Training ended/g)?.length, 1, output);
    assert.ok(model(name).length > 1_000);
  });
}

test('the library of another launcher is told apart by name', {
  skip: isThere('mpirun.mpich') ? false : 'mpirun.mpich is not installed',
}, async () => {
  const { code, output } = await run([...launchers.MPICH, '-n', '2', ...training('wrong')], { DECADE_MPI: 'libmpi.so.40' });
  assert.notEqual(code, 0);
  assert.match(output, /libmpi\.so\.40.*(this process alone where MPICH started 2|cannot open|not installed)/s);
});
