import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asTyped } from '../../src/cli/option-names.js';
import { program } from '../../src/cli/program.js';
import { DecadeError } from '../../src/core/errors.js';

const { commands } = await program();
const command = (name: string) => commands.find((each) => each.name() === name);
const whereOf = (name: string, where: string) => asTyped(new DecadeError('usage', { where, received: 'x' }), command(name)).parts.where;

test('an option is called as it was typed, whatever the library calls it', () => {
  assert.equal(whereOf('translate', 'decoding options.beam'), '--beam');
  assert.equal(whereOf('translate', 'decoding options.lengthPenalty.alpha'), '--length-penalty');
  assert.equal(whereOf('translate', 'decoding options.maximumLength'), '--max-length');
  assert.equal(whereOf('translate', 'decoding options.diversity.groups'), '--diverse-groups');
  assert.equal(whereOf('score', 'scoreText options.context'), '--context');
  assert.equal(whereOf('translate', 'unknownReplacement'), '--replace-unknown');
  assert.equal(whereOf('train', 'gemm'), '--gemm');
  assert.equal(whereOf('evaluate', 'scoring options.smoothValue'), '--smooth-value');
});

test('what is no option of the command stays as it is', () => {
  for (const where of ['my.yaml: line 3: model.beam', 'decoding options.readAhead', 'standard input', '--nbest 9', 'beam/of/light']) {
    assert.equal(whereOf('translate', where), where);
  }
  assert.equal(whereOf('doctor', 'beam'), 'beam');
  const input = new DecadeError('input', { where: 'beam', received: 'x' });
  assert.equal(asTyped(input, command('translate')), input);
});
