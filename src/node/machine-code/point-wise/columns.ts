import type { Register } from '../assembler.js';
import type { KernelAssembler } from './kernel-assembler.js';

/** `addBias`: (y, bias, rows, bytes of a row). rax y, rcx bias, r8 rows left, r9 bytes of a row. */
export function addBias(code: KernelAssembler): number {
  const start = code.begin();
  code.movePlace('rax', 0);
  code.movePlace('rcx', 1);
  code.moveArgument('r8', 2);
  code.moveArgument('r9', 3);
  const row = code.place();
  code.eachVector('r9', () => {
    code.loadVector(0, { base: 'rax', index: 'r10' });
    code.addVector(0, 0, { base: 'rcx', index: 'r10' });
    code.storeVector({ base: 'rax', index: 'r10' }, 0);
  });
  code.add('rax', 'r9');
  code.subtract('r8', 1);
  code.jump(row, 'notEqual');
  code.forgetVectors();
  code.return();
  return start;
}

const rowsAtOnce = ['rax', 'rdx', 'r11', 'rbx'] as const satisfies Register[];

/**
 * `addColumnSums`: (sums, x, rows, bytes of a row), some rows before the sums are written again. rcx sums, r8 rows left, r9 bytes of a
 * row.
 */
export function addColumnSums(code: KernelAssembler): number {
  const start = code.begin();
  const [few, done] = [code.label(), code.label()];
  code.push('rbx');
  code.movePlace('rcx', 0);
  code.movePlace('rax', 1);
  code.moveArgument('r8', 2);
  code.moveArgument('r9', 3);
  const addRows = (rows: readonly Register[]) => {
    code.eachVector('r9', () => {
      code.loadVector(0, { base: 'rcx', index: 'r10' });
      for (const row of rows) code.addVector(0, 0, { base: row, index: 'r10' });
      code.storeVector({ base: 'rcx', index: 'r10' }, 0);
    });
    code.subtract('r8', rows.length);
  };
  const several = code.place();
  code.compare('r8', rowsAtOnce.length);
  code.jump(few, 'below');
  for (const [index, row] of rowsAtOnce.slice(1).entries()) code.addressOf(row, { base: rowsAtOnce[index] ?? 'rax', index: 'r9' });
  addRows(rowsAtOnce);
  code.addressOf('rax', { base: 'rbx', index: 'r9' });
  code.jump(several);
  code.place(few);
  code.compare('r8', 0);
  code.jump(done, 'equal');
  addRows(['rax']);
  code.add('rax', 'r9');
  code.jump(few);
  code.place(done);
  code.pop('rbx');
  code.forgetVectors();
  code.return();
  return start;
}
