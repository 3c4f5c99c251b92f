import assert from 'node:assert/strict';
import { test } from 'node:test';
import { experimentOptions, experimentsHelp } from '../../src/cli/experiment-options.js';

test('the help of reproduce lists the options of each experiment, with range and default', () => {
  const experiments = experimentsHelp().split(/\n(?! {3})/);
  const help = (name: string) => experiments.find((lines) => lines.trimStart().startsWith(`${name} `)) ?? '';
  assert.match(help('reversal'), /2014, section 3\.3\)\n +--seeds <number> .*\(1 to 100, default: 3\)\n +--beam <number> .*default: 12\)$/);
  assert.match(help('depth'), /--seeds <number> .*default: 1\)/);
  assert.match(help('bucketing'), /--timed-updates <number>/);
  assert.match(help('rescoring'), /--baseline <narrow\|attention> .*\(default: narrow\)/);
  assert.doesNotMatch(help('sentence-map'), /--/);
});

test('the parser knows each option once, and turns digits into numbers', () => {
  const flags = experimentOptions().map(({ long }) => long);
  assert.equal(new Set(flags).size, flags.length);
  const parse = (flag: string, text: string) =>
    experimentOptions()
      .find(({ long }) => long === flag)
      ?.parseArg?.(text, undefined);
  assert.deepEqual([parse('--seeds', '3'), parse('--seeds', 'three'), parse('--baseline', 'narrow')], [3, 'three', 'narrow']);
});
