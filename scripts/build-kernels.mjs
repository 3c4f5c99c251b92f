// Compiles the WebAssembly modules from AssemblyScript: those of src/tensor/kernels/assembly with and without relaxed SIMD (all kernels, and
// those that decoding takes), and the network of src/compression. Each module becomes a TypeScript file holding the bytes as text, so
// that a bundler needs no loader: in hexadecimal, which compresses a quarter better than base64, where what repeats no longer begins at
// the beginning of a character.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const relaxed = ['--enable', 'relaxed-simd'];
/** Folders with an `assembly` that becomes a `generated`. */
const folders = {
  'src/tensor/kernels': [
    { name: 'plain', entry: 'index', flags: [] },
    { name: 'relaxed', entry: 'index', flags: relaxed },
    { name: 'decoding-plain', entry: 'decoding', flags: [] },
    { name: 'decoding-relaxed', entry: 'decoding', flags: relaxed },
  ],
  'src/compression/network': [{ name: 'kernels', entry: 'kernels', flags: [] }],
};

/** Builds the modules that are older than their sources; resolves to the names of those that were built. */
export async function buildKernels() {
  const built = [];
  for (const [folder, variants] of Object.entries(folders)) built.push(...(await buildFolder(folder, variants)));
  return built;
}

async function buildFolder(folder, variants) {
  const sourceFolder = `${folder}/assembly`;
  const targetFolder = join(root, folder, 'generated');
  const target = ({ name }) => join(targetFolder, `${name}.ts`);
  const sources = (await readdir(join(root, sourceFolder))).filter((name) => name.endsWith('.ts'));
  const inputs = [fileURLToPath(import.meta.url), ...sources.map((name) => join(root, sourceFolder, name))];
  const changed = Math.max(...(await Promise.all(inputs.map(modified))));
  const stale = [];
  for (const variant of variants) {
    if ((await modified(target(variant))) <= changed) stale.push(variant);
  }
  await mkdir(targetFolder, { recursive: true });
  // Variants that there were once.
  const names = (await readdir(targetFolder)).filter(
    (name) => name.endsWith('.ts') && !variants.some((variant) => name === `${variant.name}.ts`),
  );
  for (const name of names) await rm(join(targetFolder, name), { force: true });
  if (stale.length === 0) return [];
  // The compiler takes a second to load: only when there is something to compile.
  const compiler = await import('assemblyscript/asc');
  for (const variant of stale) {
    const bytes = await compile(compiler, sourceFolder, variant);
    const memoryFlags = checkedModule(bytes, variant.name);
    await writeAtomically(
      target(variant),
      `// Made by scripts/build-kernels.mjs from ${sourceFolder}.\nexport const memoryFlags = ${memoryFlags};\nexport const webAssembly =\n  '${Buffer.from(bytes).toString('hex')}';\n`,
    );
  }
  return stale.map((variant) => `${folder} ${variant.name}`);
}

/** Time of the last change in milliseconds; 0 for a missing file. */
async function modified(path) {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (error.code === 'ENOENT') return 0;
    throw error;
  }
}

async function compile(compiler, sourceFolder, variant) {
  let bytes;
  const messages = [];
  const collect = { write: (text) => messages.push(String(text)) };
  const { error } = await compiler.main(
    [
      `${sourceFolder}/${variant.entry}.ts`,
      ...['--baseDir', root, '--outFile', 'kernels.wasm'],
      ...['--runtime', 'stub', '-O3', '--noAssert', '--uncheckedBehavior', 'always', '--enable', 'simd'],
      ...['--importMemory', '--noExportMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
      ...variant.flags,
    ],
    {
      stdout: collect,
      stderr: collect,
      writeFile: (name, contents) => {
        if (name.endsWith('.wasm')) bytes = contents;
      },
    },
  );
  if (error || bytes === undefined) throw new Error(`kernels (${variant.name}) do not compile:\n${messages.join('')}`, { cause: error });
  return bytes;
}

/**
 * Where a module says what kind of memory it imports: the only byte in which one for a shared memory differs.
 *
 * A data segment or a start function would write into the memory that every instance imports: over tensors, silently.
 * Walks the sections: an id byte, a length, the contents (WebAssembly core specification, section 5.5).
 */
function checkedModule(bytes, name) {
  const forbidden = { 8: 'a start function', 11: 'a data segment' };
  const imports = 2;
  let at = 8;
  let memoryFlags;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const found = forbidden[id];
    if (found !== undefined)
      throw new Error(`kernels (${name}) have ${found}: find the standard function that brings it and write it by hand`);
    const length = number();
    const end = at + length;
    if (id === imports) {
      if (number() !== 1) throw new Error(`kernels (${name}) import more than a memory`);
      for (const _name of ['module', 'import']) {
        const characters = number();
        at += characters;
      }
      const [kind, flags] = bytes.subarray(at, at + 2);
      if (kind !== 2 || flags !== 1) throw new Error(`kernels (${name}) import no memory with a maximum`);
      memoryFlags = at + 1;
    }
    at = end;
  }
  return memoryFlags;
}

/** Several builds may run at once; a reader sees an old file or a new one, never half of one. */
async function writeAtomically(path, text) {
  const temporary = `${path}.${randomUUID()}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = await buildKernels();
  console.error(built.length === 0 ? 'kernels are up to date' : `built kernels: ${built.join(', ')}`);
}
