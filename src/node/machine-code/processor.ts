import type { ForeignInterface, Unavailable } from '../foreign.js';
import type { Register } from './assembler.js';
import { executableMemory, sharedExecutableMemory } from './executable-memory.js';
import { VectorAssembler, type VectorSet, vectorSets } from './vector-assembler.js';

/** What CPUID and XGETBV must say (Intel's manual, volume 1, sections 14.3 and 15.2). */
interface Requirements {
  readonly name: string;
  /** Bits of rcx, leaf 1: fused multiply-add, registers saved on request, AVX. */
  readonly leaf1: number;
  /** Registers that the operating system saves. */
  readonly kept: number;
  /** Bits of rbx, leaf 7. */
  readonly leaf7: number;
}

const requirements: Readonly<Record<VectorSet, Requirements>> = {
  avx2: { name: 'AVX2', leaf1: (1 << 12) | (1 << 27) | (1 << 28), kept: 0x06, leaf7: 1 << 5 },
  avx512: { name: 'AVX-512', leaf1: (1 << 12) | (1 << 27) | (1 << 28), kept: 0xe6, leaf7: (1 << 5) | (1 << 16) },
};

/** Asks the processor whether it has these instructions, and whether the operating system keeps their registers. */
export function vectorSupport(vectors: VectorSet, foreign: ForeignInterface): { available: true } | Unavailable {
  if (process.arch !== 'x64') return { available: false, reason: `is for x86-64, not for ${process.arch}` };
  const memory = sharedExecutableMemory(foreign, `support for ${vectors}`, () => supportCode(vectors));
  if (!memory.available) return memory;
  const supported = foreign.functionAt(memory.address, 'int', [])() === 1;
  return supported ? { available: true } : { available: false, reason: `this processor has no ${requirements[vectors].name}` };
}

/** A function that gives 1 or 0. */
function supportCode(vectors: VectorSet): Uint8Array {
  const { leaf1, kept, leaf7 } = requirements[vectors];
  const code = new VectorAssembler(vectors);
  const no = code.label();
  const require = (bits: number, of: Register) => {
    code.and(of, bits);
    code.compare(of, bits);
    code.jump(no, 'notEqual');
  };
  code.push('rbx');
  code.move('rax', 0);
  code.identify();
  code.compare('rax', 7);
  code.jump(no, 'below');
  code.move('rax', 1);
  code.identify();
  require(leaf1, 'rcx');
  code.move('rcx', 0);
  code.keptRegisters();
  require(kept, 'rax');
  code.move('rax', 7);
  code.move('rcx', 0);
  code.identify();
  require(leaf7, 'rbx');
  code.move('rax', 1);
  code.pop('rbx');
  code.return();
  code.place(no);
  code.move('rax', 0);
  code.pop('rbx');
  code.return();
  return code.code;
}

/** Rounds of a measurement of some tenths of a millisecond, of which the best counts. */
const rounds = 30;
const repetitions = 20_000;

/**
 * What no product can exceed: 10^9 additions and multiplications a second of one thread that does nothing but fused multiply-adds in
 * registers.
 */
export function peakGflops(vectors: VectorSet, foreign: ForeignInterface): number | undefined {
  if (!vectorSupport(vectors, foreign).available) return undefined;
  const { floats } = vectorSets[vectors];
  // Ten sums hide the latency of two units; eleven registers exist in every set.
  const sums = 10;
  const code = new VectorAssembler(vectors);
  for (let sum = 0; sum <= sums; sum++) code.clearVector(sum);
  const next = code.place();
  for (let sum = 0; sum < sums; sum++) code.multiplyAdd(sum, sums, sums);
  code.subtract('rdi', 1);
  code.jump(next, 'notEqual');
  code.forgetVectors();
  code.return();
  const memory = executableMemory(foreign, code.code);
  if (!memory.available) return undefined;
  const run = foreign.functionAt(memory.address, 'void', ['int64_t']);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    run(repetitions);
    best = Math.min(best, performance.now() - start);
  }
  return (2 * floats * sums * repetitions) / best / 1e6;
}
