import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { VectorAssembler } from '../../src/node/machine-code/vector-assembler.js';
import { executableMemory, sharedExecutableMemory } from '../../src/node/machine-code/executable-memory.js';
import { ForeignInterface } from '../../src/node/foreign.js';

const foreign = await ForeignInterface.load();
const isMade = process.arch === 'x64' && (process.platform === 'linux' || process.platform === 'darwin');
const skip = foreign instanceof ForeignInterface && isMade ? false : 'no calls of machine code here';

const moduleUrl = (name: string) => new URL(`../../src/node/${name}`, import.meta.url).href;

/** A system on which these functions of the C library give these answers. */
function system(answers: { readonly [name: string]: number }, written: Uint8Array) {
  return {
    ofProcess: (name: string) => {
      const answer = answers[name];
      return answer === undefined ? undefined : () => answer;
    },
    bytesAt: () => written,
  };
}

describe('executable memory', { skip }, () => {
  it('runs what was written', () => {
    if (!(foreign instanceof ForeignInterface)) return;
    const code = new VectorAssembler('avx2');
    code.move('rax', 42);
    code.return();
    const memory = executableMemory(foreign, code.code);
    assert.ok(memory.available);
    assert.equal(foreign.functionAt(memory.address, 'int', [])(), 42);
  });

  it('is made once for a thread and those that it starts', async () => {
    const program = `
      import { parentPort } from 'node:worker_threads';
      const { ForeignInterface } = await import(${JSON.stringify(moduleUrl('foreign.js'))});
      const { sharedExecutableMemory } = await import(${JSON.stringify(moduleUrl('machine-code/executable-memory.js'))});
      const foreign = await ForeignInterface.load();
      const { address } = sharedExecutableMemory(foreign, 'a test', () => { throw new Error('made again'); });
      parentPort.postMessage({ address, result: foreign.functionAt(address, 'int', [])() });
    `;
    if (!(foreign instanceof ForeignInterface)) return;
    const code = new VectorAssembler('avx2');
    code.move('rax', 42);
    code.return();
    const memory = sharedExecutableMemory(foreign, 'a test', () => code.code);
    assert.ok(memory.available);
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`));
    const [answer] = await once(worker, 'message');
    assert.deepEqual(answer, { address: memory.address, result: 42 });
  });

  it('says so where a system does not provide memory, or does not let it be executed', () => {
    const code = Uint8Array.of(0xc3);
    const reason = (answers: { readonly [name: string]: number }) => {
      const memory = executableMemory(system(answers, new Uint8Array(1)), code);
      return memory.available ? 'available' : memory.reason;
    };
    assert.equal(reason({ mmap: 4096, mprotect: 0 }), 'available');
    assert.match(reason({ mmap: 2 ** 64, mprotect: 0 }), /does not provide memory/);
    assert.match(reason({ mmap: 4096, mprotect: -1 }), /does not allow run-time code generation/);
    assert.match(reason({ mmap: 4096 }), /is not available for/);
  });
});
