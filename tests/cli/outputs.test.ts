import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { copyTinyRun, decade, temporaryDirectory, writeTinyConfiguration } from './decade.js';

/** No command writes over what it reads, or opens its output before it knows that it can work. */
const directory = temporaryDirectory();
const run = join(directory, 'run');
const at = (name: string) => join(directory, name);
const file = (name: string, text: string): string => {
  writeFileSync(at(name), text);
  return at(name);
};
const text = (path: string) => readFileSync(path, 'utf8');

before(async () => {
  writeTinyConfiguration(directory);
  await copyTinyRun(run);
});
after(() => rmSync(directory, { recursive: true, force: true }));

const sources = '5 kilometers\nMonday\n';
const list = '0 ||| 5 ||| F= -1 ||| -1\n1 ||| lundi ||| F= -1 ||| -1\n';

test('an output that the command reads is refused, whatever it is read for and whatever it is called', async () => {
  const [input, other] = [file('input', sources), file('other', sources)];
  const [nbest, dictionary] = [file('nbest', list), file('dictionary', 'a\tb\n')];
  const groups = file('groups', '# one\na\nb\nc\n');
  const configuration = file('copy.yaml', text(at('tiny.yaml')));
  symlinkSync('input', at('symbolic'));
  linkSync(input, at('hard'));
  const commands: readonly (readonly [output: string, ...words: string[]])[] = [
    [input, 'translate', '-m', run, '-i', input],
    [at('symbolic'), 'translate', '-m', run, '-i', input],
    [at('hard'), 'translate', '-m', run, '-i', input],
    [`${input}`, 'translate', '-m', run, '-i', at('symbolic')],
    [other, 'translate', '-m', run, '-i', input, '--prefixes', other],
    [dictionary, 'translate', '-m', run, '-i', input, '--replace-unknown', dictionary],
    [join(run, 'model.safetensors'), 'translate', '-m', run, '-i', input],
    [other, 'score', '-m', run, '--source', input, '--target', other],
    [nbest, 'rescore', '-m', run, '--source', input, '-i', nbest],
    [input, 'rescore', '-m', run, '--source', input, '-i', nbest],
    [groups, 'report', run, '--groups', groups],
    [other, 'report', run, '--source', input, '--references', other],
    [join(run, 'config.yaml'), 'report', run],
    [other, 'compare', '--hypotheses', other, '--source', input, '--references', input],
    [configuration, 'simulate', configuration, '--profile', '2014', '--devices', '1'],
  ];
  const options: Readonly<Record<string, string>> = { report: '--out', compare: '--out', simulate: '--html' };
  for (const [output, command = '', ...words] of commands) {
    const old = readFileSync(output);
    const { code, stderr } = await decade([command, ...words, options[command] ?? '-o', output]);
    assert.equal(code, 2, `${command} ${words.join(' ')}: ${stderr}`);
    assert.match(stderr, /file that this command also reads|a file that belongs to a run/);
    assert.deepEqual(readFileSync(output), old, `${command} ${words.join(' ')}`);
  }
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.endsWith('.partial')),
    [],
  );
});

test('kept and dropped lines do not go to one file, nor into a report', async () => {
  const [source, target] = [file('pairs.en', 'a b\na b\n'), file('pairs.fr', 'c d\nc d\n')];
  const [kept, missing] = [file('kept', 'mine'), join(directory, '.', 'missing')];
  mkdirSync(at('parts'));
  for (const options of [
    ['dedup', '--text', source, '-o', kept, '--dropped', kept],
    ['dedup', '--source', source, '--target', target, '-o', missing, `${directory}/./missing`],
    ['filter', '--text', source, '--dropped', '-'],
    ['split', '--text', source, '--dev', '1', '--test', '0', '--out', at('parts'), '--dropped', at('parts/train.en')],
  ]) {
    const { code, stdout, stderr } = await decade(['data', ...options]);
    assert.deepEqual([code, stdout, /for two outputs|expected the name of a file/.test(stderr)], [2, '', true], stderr);
  }
  assert.deepEqual([text(kept), existsSync(missing), readdirSync(at('parts'))], ['mine', false, []]);
});

test('alignments and the lexicon made of them do not go to one file', async () => {
  const [pairs, both] = [file('pairs', 'a b ||| c d\n'), file('both', 'mine')];
  symlinkSync('both', at('both-too'));
  for (const lexicon of [both, at('both-too')]) {
    const { code, stderr } = await decade(['align', '-i', pairs, '-o', both, '--lexicon', lexicon]);
    assert.deepEqual([code, /for two outputs/.test(stderr), text(both)], [2, true, 'mine'], stderr);
  }
  const apart = await decade(['align', '-i', pairs, '-o', '-', '--lexicon', both]);
  assert.equal(apart.code, 0, apart.stderr);
});

test('a file of a run is refused as an output through links, too', { skip: process.platform === 'win32' && 'POSIX only' }, async () => {
  const input = file('one-line', sources);
  const [configuration, checkpoints] = [join(run, 'config.yaml'), join(run, 'checkpoints')];
  const [checkpoint = ''] = readdirSync(checkpoints);
  symlinkSync(configuration, at('settings'));
  symlinkSync(join(checkpoints, checkpoint), at('checkpoint'));
  for (const output of [at('settings'), join(at('checkpoint'), 'state.json')]) {
    const old = text(output);
    const { code, stderr } = await decade(['translate', '-m', run, '-i', input, '-o', output]);
    assert.deepEqual([code, /a file that belongs to a run/.test(stderr), text(output)], [2, true, old], stderr);
  }
});

test('a command that cannot work leaves earlier output alone', async () => {
  const [input, missing] = [file('lines', sources), at('missing')];
  for (const words of [
    ['translate', '-m', run, '-i', missing],
    ['translate', '-m', missing, '-i', input],
    ['translate', '-m', run, '-i', input, '--beam', '2', '--nbest', '3'],
    ['translate', '-m', run, '-i', input, '--prefixes', missing],
    ['translate', '-m', run, '-i', input, '--replace-unknown', missing],
    ['rescore', '-m', run, '--source', input, '-i', missing],
    ['rescore', '-m', run, '--source', missing, '-i', input],
    ['score', '-m', run, '--source', input, '--target', missing],
  ]) {
    const output = file('precious', 'precious');
    const { code, stderr } = await decade([...words, '-o', output]);
    assert.notEqual(code, 0, words.join(' '));
    assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    assert.equal(text(output), 'precious', words.join(' '));
  }
  for (const words of [
    ['report', missing, '--out'],
    ['compare', missing, missing, '--out'],
    ['simulate', missing, '--html'],
  ]) {
    const output = file('precious', 'precious');
    assert.notEqual((await decade([...words, output])).code, 0);
    assert.equal(text(output), 'precious', words.join(' '));
  }
});

test('what is packed as it is written is read as it is', async () => {
  const input = file('plain', sources);
  const plain = await decade(['translate', '-m', run, '-i', input]);
  const packed = await decade(['translate', '-m', run, '-i', input, '-o', at('output.gz')]);
  assert.equal(packed.code, 0, packed.stderr);
  assert.equal(gunzipSync(readFileSync(at('output.gz'))).toString(), plain.stdout);
  const scored = await decade([
    'evaluate',
    '--hypotheses',
    at('output.gz'),
    '--references',
    at('output.gz'),
    '--metrics',
    'exact',
    '--json',
  ]);
  assert.equal(JSON.parse(scored.stdout).results[0].score, 100);
});

test('translations up to a broken place in the input are kept beside the old file', async () => {
  // Cut off behind its text: all lines are there, and their checksum is not.
  const input = at('cut.gz');
  writeFileSync(input, gzipSync(sources).subarray(0, -4));
  const output = file('old', 'old');
  const { code, stderr } = await decade(['translate', '-m', run, '-i', input, '-o', output]);
  assert.equal(code, 1, stderr);
  const [, kept = ''] = /old is unchanged; the partial output is in (\S+)\n/.exec(stderr) ?? [];
  assert.deepEqual([text(output), text(kept).split('\n').length], ['old', 3]);
  assert.match(stderr.trimEnd().split('\n').at(-1) ?? '', /^decade: .*cut\.gz: line 3: the end of gzip data that was cut off/);
});

test('a training that fails at its start leaves nothing, and the next one is not kept from starting', async () => {
  const out = at('second');
  const corpus = file('pairs.tsv', 'a\tb\nno columns\n');
  const configuration = file(
    'pairs.yaml',
    `version: 1
data: { train: { tsv: ${corpus} }, dev: { tsv: ${file('dev.tsv', 'only one column\n')} } }
tokenizer: { kind: word }
model: { kind: lstm, layers: 1, hidden: 4 }
training: { stop: { steps: 1 }, validate: { every: { steps: 1 }, metrics: [perplexity] } }
`,
  );
  mkdirSync(at('second.partial'));
  const failed = await decade(['train', configuration, '--out', out, '--devices', '1']);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /dev\.tsv: no usable pair/);
  assert.equal(failed.stderr.match(/no usable pair/g)?.length, 1);
  assert.ok(!existsSync(out) && existsSync(at('second.partial')));
  file('dev.tsv', 'a\tb\n');
  const trained = await decade(['train', configuration, '--out', out, '--devices', '1']);
  assert.equal(trained.code, 0, trained.stderr);
});

test('a page that nobody asked for by name replaces an earlier page, and no other file', async () => {
  const input = file('sentences', sources);
  const page = join(run, 'report.html');
  for (const [contents, code] of [
    ['mine', 2],
    ['<!doctype html>\n<html lang="en"><title>mine</title></html>', 2],
  ] as const) {
    writeFileSync(page, contents);
    const { code: refused, stderr } = await decade(['report', run]);
    assert.deepEqual([refused, text(page)], [code, contents], stderr);
    assert.match(stderr, /report\.html: a file that was not written by decade; .* --out/);
  }
  for (const out of [['--out', page], []]) {
    const { code, stderr } = await decade(['report', run, '--source', input, '--references', input, '--beam', '1', ...out]);
    assert.deepEqual([code, text(page).startsWith('<!doctype html>')], [0, true], stderr);
  }
});

test('a directory as standard input is an error', { skip: process.platform === 'win32' && 'POSIX only' }, () => {
  const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
  const descriptor = openSync(directory, 'r');
  const { status, stderr } = spawnSync(process.execPath, [main, 'translate', '-m', run], { stdio: [descriptor, 'pipe', 'pipe'] });
  closeSync(descriptor);
  assert.deepEqual([status, stderr.toString()], [1, 'decade: standard input: a directory; expected a file\n']);
});
