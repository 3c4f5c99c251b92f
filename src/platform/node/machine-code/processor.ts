import type { ForeignInterface, Unavailable } from '../native/foreign.js';
import { Assembler } from './assembler.js';
import { executableMemory } from './executable-memory.js';

/** Asks the processor itself: whether it has AVX-512 and the operating system keeps its registers. */
export function avx512Support(foreign: ForeignInterface): { available: true } | Unavailable {
  if (process.arch !== 'x64') return { available: false, reason: `is for x86-64, not for ${process.arch}` };
  const memory = executableMemory(foreign, supportCode());
  if (!memory.available) return memory;
  const supported = foreign.functionAt(memory.address, 'int', [])() === 1;
  return supported ? { available: true } : { available: false, reason: 'this processor has no AVX-512' };
}

/** A function that gives 1 or 0 (Intel's manual, volume 1, section 15.2: detection of AVX-512). */
function supportCode(): Uint8Array {
  const code = new Assembler();
  const no = code.label();
  const savesRegisters = 1 << 27;
  const vectorRegisters = 0xe6;
  const avx512Foundation = 1 << 16;
  code.push('rbx');
  // Before leaf 7 is asked for, whether there is one.
  code.move('rax', 0);
  code.identify();
  code.compare('rax', 7);
  code.jump(no, 'below');
  code.move('rax', 1);
  code.identify();
  code.and('rcx', savesRegisters);
  code.jump(no, 'equal');
  code.move('rcx', 0);
  code.keptRegisters();
  code.and('rax', vectorRegisters);
  code.compare('rax', vectorRegisters);
  code.jump(no, 'notEqual');
  code.move('rax', 7);
  code.move('rcx', 0);
  code.identify();
  code.and('rbx', avx512Foundation);
  code.jump(no, 'equal');
  code.move('rax', 1);
  code.pop('rbx');
  code.return();
  code.place(no);
  code.move('rax', 0);
  code.pop('rbx');
  code.return();
  return code.code;
}
