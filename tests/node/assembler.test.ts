import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Assembler } from '../../src/node/machine-code/assembler.js';
import { IntegerAssembler } from '../../src/node/machine-code/integer-assembler.js';
import { VectorAssembler, type VectorSet } from '../../src/node/machine-code/vector-assembler.js';

/** Written, as a disassembler (GNU objdump) reads it, and its bytes. */
type Encoding = readonly [write: (code: VectorAssembler) => void, meaning: string, bytes: string];

const general: readonly Encoding[] = [
  [(code) => code.move('rax', 'r15'), 'mov rax,r15', '49 8b c7'],
  [(code) => code.move('r12', { base: 'rsp', displacement: 72 }), 'mov r12,[rsp+0x48]', '4c 8b 64 24 48'],
  [(code) => code.move('rdx', -5), 'mov rdx,-5', '48 c7 c2 fb ff ff ff'],
  [(code) => code.store({ base: 'r13' }, 'r9'), 'mov [r13+0x0],r9', '4d 89 4d 00'],
  [(code) => code.storeHalf({ base: 'rsi' }, 'rax'), 'mov [rsi],eax', '40 89 06'],
  [(code) => code.moveHalf('rax', { base: 'rdi' }), 'mov eax,[rdi]', '40 8b 07'],
  [(code) => code.addressOf('r10', { base: 'rdi', index: 'rcx', scale: 4 }), 'lea r10,[rdi+rcx*4]', '4c 8d 14 8f'],
  [(code) => code.add('rbx', 1000), 'add rbx,0x3e8', '48 81 c3 e8 03 00 00'],
  [(code) => code.add('rax', 'r10'), 'add rax,r10', '49 03 c2'],
  [(code) => code.subtract('r14', 1), 'sub r14,0x1', '49 81 ee 01 00 00 00'],
  [(code) => code.and('rcx', 'rdx'), 'and rcx,rdx', '48 23 ca'],
  [(code) => code.compare('r8', { base: 'r12' }), 'cmp r8,[r12]', '4d 3b 04 24'],
  [(code) => code.push('r12', 'rbx'), 'push r12; push rbx', '41 54 53'],
  [(code) => code.pop('rbp', 'r15'), 'pop rbp; pop r15', '5d 41 5f'],
  [(code) => code.prefetch({ base: 'r15' }, 'read'), 'prefetcht0 [r15]', '41 0f 18 0f'],
  [(code) => code.prefetch({ base: 'rax', displacement: 64 }, 'write'), 'prefetchw [rax+0x40]', '40 0f 0d 48 40'],
  [(code) => code.identify(), 'cpuid', '0f a2'],
  [(code) => code.keptRegisters(), 'xgetbv', '0f 01 d0'],
  [(code) => code.multiply('r9', 'rdx'), 'imul r9,rdx', '4c 0f af ca'],
  [(code) => code.call(0), 'call 0x0', 'e8 fb ff ff ff'],
  [(code) => code.return(), 'ret', 'c3'],
];

const vectors: Readonly<Record<VectorSet, readonly Encoding[]>> = {
  avx512: [
    [(code) => code.loadVector(29, { base: 'rbx', displacement: 64 }), 'vmovups zmm29,[rbx+0x40]', '62 61 7c 48 10 6b 01'],
    [
      (code) => code.loadVector(3, { base: 'r12', index: 'rcx', scale: 2, displacement: 4 }, 1),
      'vmovups zmm3{k1}{z},[r12+rcx*2+0x4]',
      '62 d1 7c c9 10 9c 4c 04 00 00 00',
    ],
    [(code) => code.storeVector({ base: 'r13', displacement: 64 }, 17, 2), 'vmovups [r13+0x40]{k2},zmm17', '62 c1 7c 4a 11 4d 01'],
    [
      (code) => code.broadcast(31, { base: 'rax', displacement: 27456 }),
      'vbroadcastss zmm31,[rax+0x6b40]',
      '62 62 7d 48 18 b8 40 6b 00 00',
    ],
    [(code) => code.broadcast(30, { base: 'r12', displacement: 8 }), 'vbroadcastss zmm30,[r12+0x8]', '62 42 7d 48 18 74 24 02'],
    [(code) => code.multiplyAdd(9, 30, 28), 'vfmadd231ps zmm9,zmm30,zmm28', '62 12 0d 40 b8 cc'],
    [(code) => code.clearVector(20), 'vpxord zmm20,zmm20,zmm20', '62 a1 5d 40 ef e4'],
    [(code) => code.addVector(7, 7, 28), 'vaddps zmm7,zmm7,zmm28', '62 91 44 48 58 fc'],
    [(code) => code.unpack('High', 17, 2, 11), 'vunpckhps zmm17,zmm2,zmm11', '62 c1 6c 48 15 cb'],
    [(code) => code.unpack('LowPairs', 4, 20, 22), 'vunpcklpd zmm4,zmm20,zmm22', '62 b1 dd 40 14 e6'],
    [(code) => code.shuffleQuarters(16, 8, 12, 0xdd), 'vshuff32x4 zmm16,zmm8,zmm12,0xdd', '62 c3 3d 48 23 c4 dd'],
    [(code) => code.setMask(2, { base: 'rbx' }), 'vmovups zmm31,[rbx]; vptestmd k2,zmm31,zmm31', '62 61 7c 48 10 3b 62 92 05 40 27 d7'],
    [(code) => code.forgetVectors(), 'vzeroupper', 'c5 f8 77'],
  ],
  avx2: [
    [(code) => code.loadVector(12, { base: 'rbx' }), 'vmovups ymm12,[rbx]', 'c4 61 7c 10 23'],
    [(code) => code.storeVector({ base: 'r13', displacement: 32 }, 3), 'vmovups [r13+0x20],ymm3', 'c4 c1 7c 11 5d 20'],
    [(code) => code.setMask(2, { base: 'rbx' }), 'vmovups ymm15,[rbx]', 'c4 61 7c 10 3b'],
    [(code) => code.loadVector(5, { base: 'r11', index: 'rcx', scale: 2 }, 2), 'vmaskmovps ymm5,ymm15,[r11+rcx*2]', 'c4 c2 05 2c 2c 4b'],
    [(code) => code.storeVector({ base: 'rax' }, 9, 1), 'vmaskmovps [rax],ymm14,ymm9', 'c4 62 0d 2e 08'],
    [(code) => code.broadcast(14, { base: 'rax', displacement: 2112 }), 'vbroadcastss ymm14,[rax+0x840]', 'c4 62 7d 18 b0 40 08 00 00'],
    [(code) => code.multiplyAdd(11, 14, 13), 'vfmadd231ps ymm11,ymm14,ymm13', 'c4 42 0d b8 dd'],
    [(code) => code.clearVector(8), 'vpxor ymm8,ymm8,ymm8', 'c4 41 3d ef c0'],
    [(code) => code.addVector(7, 7, 12), 'vaddps ymm7,ymm7,ymm12', 'c4 c1 44 58 fc'],
    [(code) => code.unpack('Low', 9, 2, 11), 'vunpcklps ymm9,ymm2,ymm11', 'c4 41 6c 14 cb'],
    [(code) => code.unpack('HighPairs', 4, 10, 12), 'vunpckhpd ymm4,ymm10,ymm12', 'c4 c1 ad 15 e4'],
    [(code) => code.permuteHalves(8, 0, 4, 0x31), 'vperm2f128 ymm8,ymm0,ymm4,0x31', 'c4 63 7d 06 c4 31'],
    [
      (code) => code.repeatHalf(3, { base: 'r11', index: 'r14', displacement: 16 }),
      'vbroadcastf128 ymm3,[r11+r14*1+0x10]',
      'c4 82 7d 1a 5c 33 10',
    ],
    [
      (code) => code.insertHalf(9, 3, { base: 'rbp', index: 'r10', displacement: 16 }),
      'vinsertf128 ymm9,ymm3,[rbp+r10*1+0x10],0x1',
      'c4 23 65 18 4c 15 10 01',
    ],
  ],
};

const integers: readonly (readonly [write: (code: IntegerAssembler) => void, meaning: string, bytes: string])[] = [
  [
    (code) => code.broadcastIntegers(9, { base: 'rbp', index: 'r15', scale: 2 }),
    'vpbroadcastd ymm9,[rbp+r15*2+0x0]',
    'c4 22 7d 58 4c 7d 00',
  ],
  [(code) => code.multiplyBytes(9, 9, 8), 'vpmaddubsw ymm9,ymm9,ymm8', 'c4 42 35 04 c8'],
  [(code) => code.multiplyWords(9, 9, 10), 'vpmaddwd ymm9,ymm9,ymm10', 'c4 41 35 f5 ca'],
  [(code) => code.addIntegers(3, 3, 9), 'vpaddd ymm3,ymm3,ymm9', 'c4 c1 65 fe d9'],
  [(code) => code.subtractIntegers(3, 3, 9), 'vpsubd ymm3,ymm3,ymm9', 'c4 c1 65 fa d9'],
  [(code) => code.multiplyIntegers(9, 9, 12), 'vpmulld ymm9,ymm9,ymm12', 'c4 42 35 40 cc'],
  [(code) => code.toFloats(5, 5), 'vcvtdq2ps ymm5,ymm5', 'c4 e1 7c 5b ed'],
  [(code) => code.multiplyVector(5, 5, 11), 'vmulps ymm5,ymm5,ymm11', 'c4 c1 54 59 eb'],
  [(code) => code.oneInWords(10), 'vpcmpeqw ymm10,ymm10,ymm10; vpabsw ymm10,ymm10', 'c4 41 2d 75 d2 c4 42 7d 1d d2'],
];

const bytesOf = (code: Assembler) => Array.from(code.code, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

describe('machine code', () => {
  it('is what a disassembler reads as meant (AVX2, integers)', () => {
    for (const [write, meaning, bytes] of integers) {
      const code = new IntegerAssembler();
      write(code);
      assert.equal(bytesOf(code), bytes, meaning);
    }
  });

  for (const set of ['avx512', 'avx2'] as const) {
    it(`is what a disassembler reads as meant (${set})`, () => {
      for (const [write, meaning, bytes] of [...general, ...vectors[set]]) {
        const code = new VectorAssembler(set);
        write(code);
        assert.equal(bytesOf(code), bytes, meaning);
      }
    });
  }

  it('jumps back and forth to labels, by distances from the end of the jump', () => {
    const code = new VectorAssembler('avx2');
    const end = code.label();
    const start = code.place();
    code.jump(end, 'equal');
    code.jump(start);
    code.place(end);
    assert.deepEqual(Array.from(code.code), [0x0f, 0x84, 5, 0, 0, 0, 0xe9, 0xf5, 0xff, 0xff, 0xff]);
  });

  it('begins functions at cache lines', () => {
    const code = new VectorAssembler('avx2');
    code.return();
    assert.equal(code.begin(), 64);
    assert.equal(code.code.length, 64);
  });
});
