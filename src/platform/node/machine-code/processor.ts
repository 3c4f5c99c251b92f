import type { ForeignInterface, Unavailable } from '../native/foreign.js';
import { Assembler, type VectorSet } from './assembler.js';
import { executableMemory } from './executable-memory.js';

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
  const memory = executableMemory(foreign, supportCode(vectors));
  if (!memory.available) return memory;
  const supported = foreign.functionAt(memory.address, 'int', [])() === 1;
  return supported ? { available: true } : { available: false, reason: `this processor has no ${requirements[vectors].name}` };
}

/** A function that gives 1 or 0. */
function supportCode(vectors: VectorSet): Uint8Array {
  const { leaf1, kept, leaf7 } = requirements[vectors];
  const code = new Assembler(vectors);
  const no = code.label();
  code.push('rbx');
  code.move('rax', 0);
  code.identify();
  code.compare('rax', 7);
  code.jump(no, 'below');
  code.move('rax', 1);
  code.identify();
  code.and('rcx', leaf1);
  code.compare('rcx', leaf1);
  code.jump(no, 'notEqual');
  code.move('rcx', 0);
  code.keptRegisters();
  code.and('rax', kept);
  code.compare('rax', kept);
  code.jump(no, 'notEqual');
  code.move('rax', 7);
  code.move('rcx', 0);
  code.identify();
  code.and('rbx', leaf7);
  code.compare('rbx', leaf7);
  code.jump(no, 'notEqual');
  code.move('rax', 1);
  code.pop('rbx');
  code.return();
  code.place(no);
  code.move('rax', 0);
  code.pop('rbx');
  code.return();
  return code.code;
}
