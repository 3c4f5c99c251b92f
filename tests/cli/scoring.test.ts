import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { decade, temporaryDirectory } from './decade.js';

const directory = temporaryDirectory();
after(() => rmSync(directory, { recursive: true, force: true }));
const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};

const output = file('output', '我昨天去了北京。\n他说：“你好”\n');
const references = file('references', '昨天我去了北京。\n他说：“您好！”\n');
const second = file('second', '我昨天去北京了。\n他说：“你好”\n');
const options = ['--metrics', 'bleu', '--tokenize', 'zh', '--lowercase', '--smooth', 'add-k', '--smooth-value', '0.5'];
const signature = 'case:lc|eff:no|tok:zh|smooth:add-k[0.50]|version:2.6.0';

test('evaluate and compare take --metrics, --tokenize, --lowercase, --smooth and --smooth-value, and several references', async () => {
  const both = ['--references', references, second];
  const evaluated = await decade(['evaluate', '--hypotheses', output, ...both, ...options]);
  assert.equal(evaluated.code, 0, evaluated.stderr);
  assert.ok(evaluated.stdout.includes(`nrefs:2|${signature}`), evaluated.stdout);
  const [, score] = /BLEU = (\d+\.\d\d)/.exec(evaluated.stdout) ?? [];

  const page = join(directory, 'page.html');
  const given = ['--hypotheses', output, references, '--source', output, ...both, ...options, '--out', page];
  const compared = await decade(['compare', ...given], { directory });
  assert.equal(compared.code, 0, compared.stderr);
  assert.ok(compared.stdout.includes(`nrefs:2|${signature}`), compared.stdout);
  assert.match(compared.stdout, new RegExp(`output +${score} `));
});

test('references that cannot be used are refused with where and what, before anything else is done', async () => {
  const latin = file('latin', Buffer.from('caf\xe9\nb\n', 'latin1'));
  const short = file('short', 'a\n');
  const empty = file('empty', '');
  const cases: [string[], RegExp][] = [
    [[latin], /latin: line 1: bytes that are not valid UTF-8; expected text in UTF-8/],
    [[short], /output and .*short: 2 and 1 lines; expected equal numbers of lines.*missing or split/],
    [[references, short], /output and .*short: 2 and 1 lines/],
    [[join(directory, 'nothing')], /nothing: no such file/],
    [[empty], /output and .*empty: 2 and 0 lines/],
  ];
  const commands = [
    ['evaluate', '--hypotheses', output],
    // There is no such run, but that is not what is told first.
    ['evaluate', '-m', join(directory, 'no-run'), '--source', output],
    ['compare', '--hypotheses', output, second, '--source', output],
    ['rescore', '-m', join(directory, 'no-run'), '--source', output],
  ];
  for (const command of commands) {
    for (const [bad, message] of cases) {
      const { code, stdout, stderr } = await decade([...command, '--references', ...bad], { directory });
      assert.deepEqual([code, stdout], [1, ''], stderr);
      assert.match(stderr, message);
    }
  }
  const nothing = await decade(['evaluate', '--hypotheses', empty, '--references', empty]);
  assert.deepEqual([nothing.code, /empty: 0 sentences/.test(nothing.stderr)], [1, true], nothing.stderr);
});

test('what no metric can do is refused before files are read', async () => {
  const nothing = join(directory, 'nothing');
  const cases: [string[], RegExp][] = [
    [['--tokenize', 'ja-mecab'], /needs MeCab and its dictionary/],
    [['--smooth', 'floor', '--smooth-value', '-1'], /expected a number from 0/],
    [['--smooth-value', '1'], /only for the smoothing floor or add-k, not exp/],
    [['--metrics', 'bleu,meteor'], /"meteor"; expected one of bleu/],
  ];
  for (const command of [
    ['evaluate', '--hypotheses', nothing, '--references', nothing],
    ['compare', nothing, nothing],
  ]) {
    for (const [bad, message] of cases) {
      const { code, stderr } = await decade([...command, ...bad], { directory });
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
  }
});
