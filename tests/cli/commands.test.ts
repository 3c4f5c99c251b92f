import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { program } from '../../src/cli/program.js';
import { repository } from '../house/sources.js';
import { decade, decadeProcess, ended, type Outcome, start, temporaryDirectory, writeTinyConfiguration } from './decade.js';

const directory = temporaryDirectory();
const run = join(directory, 'run');
const configuration = writeTinyConfiguration(directory);
const sources = ['three weeks ago', '', '5 kilometers', 'Monday, January 19, 2004'];
const inDirectory = (name: string, lines: readonly string[]): string => {
  const path = join(directory, name);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
};

let trained: Outcome;
before(async () => {
  const options = ['--out', run, '--devices', '1', '--set', 'training.stop.epochs=1', '--json'];
  trained = await decadeProcess(['train', configuration, ...options]);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('train writes a run and says what it reached, the log on standard error', () => {
  const { code, stdout, stderr } = trained;
  assert.equal(code, 0, stderr);
  assert.deepEqual([JSON.parse(stdout).steps, JSON.parse(stdout).reason], [10, 'epochs']);
  assert.match(stderr, /Up\. 10 : /);
  assert.ok(existsSync(join(run, 'model.safetensors')));
});

test('train --example prints a configuration, and train without one says what is missing', async () => {
  const example = await decade(['train', '--example']);
  const named = await decade(['train', '--example', 'my pair.yaml']);
  assert.equal(named.code, 2);
  assert.match(named.stderr, /--example: with my pair\.yaml; .*decade train --example > 'my pair\.yaml'/);
  assert.deepEqual([example.code, example.stdout], [0, readFileSync(join(repository, 'docs', 'configuration.yaml'), 'utf8')]);
  const missing = await decade(['train']);
  assert.deepEqual([missing.code, missing.stderr], [2, "decade: missing required argument 'CONFIG.yaml'\n"]);
});

test('translate gives a line for every line, empty for empty, in a file as on standard output', async () => {
  const output = join(directory, 'output.fr');
  const piped = await decadeProcess(['translate', '-m', run], { input: sources.join('\n') });
  assert.equal(piped.code, 0, piped.stderr);
  const lines = piped.stdout.split('\n');
  assert.deepEqual([lines.length, lines[1]], [sources.length + 1, '']);
  const filed = await decade(['translate', '-m', run, '-i', inDirectory('input.en', sources), '-o', output]);
  assert.deepEqual([filed.code, filed.stdout, readFileSync(output, 'utf8')], [0, '', piped.stdout]);
});

test('n-best lines read line ||| text ||| feature= values ||| score', async () => {
  const input = 'three weeks ago\n5 kilometers\n';
  const { stdout } = await decade(['translate', '-m', run, '--nbest', '2', '--length-penalty', '0'], { input });
  const fields = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ||| '));
  assert.deepEqual(
    fields.map(([line]) => line),
    ['0', '0', '1', '1'],
  );
  for (const [, , features = '', score = ''] of fields) {
    assert.match(score, /^-\d+\.\d{6}$/);
    // Without a length penalty the rank is the log-probability itself.
    assert.match(features, new RegExp(`^logProbability= ${score} tokens= \\d+ lengthPenalty= 0$`));
  }
});

test('score gives a log-probability for every pair', async () => {
  const source = inDirectory('score.en', ['three weeks ago', '', '5 kilometers']);
  const target = inDirectory('score.fr', ['il y a trois semaines', '', '5 kilomètres']);
  const { code, stdout, stderr } = await decade(['score', '-m', run, '--source', source, '--target', target]);
  assert.equal(code, 0, stderr);
  const [first, empty, last] = stdout.trimEnd().split('\n').map(Number);
  assert.ok(first !== undefined && first < 0 && last !== undefined && last < 0 && empty === 0, stdout);
  const twice = await decade(['score', '-m', `${run},${run}`, '--source', source, '--target', target]);
  const [together] = twice.stdout.trimEnd().split('\n').map(Number);
  assert.ok(Math.abs((together ?? Number.NaN) - first) < 1e-4, 'an ensemble of one model twice');
});

test('an ensemble of one model twice translates as the model', async () => {
  const input = sources.join('\n');
  const alone = await decade(['translate', '-m', run], { input });
  const twice = await decade(['translate', '-m', `${run},${run}`], { input });
  assert.equal(twice.code, 0, twice.stderr);
  assert.equal(twice.stdout, alone.stdout);
});

test('a pipe that is held open is answered line by line', async () => {
  const child = start(['translate', '-m', run]);
  assert.ok(child.stdin && child.stdout);
  for (const line of ['three weeks ago', '5 kilometers']) {
    child.stdin.write(`${line}\n`);
    const [answer] = (await once(child.stdout, 'data')) as [Buffer];
    assert.ok(answer.toString().endsWith('\n'));
  }
  child.stdin.end();
  assert.equal((await ended(child)).code, 0);
});

test('a reader that has seen enough ends the command quietly', async () => {
  const child = start(['translate', '-m', run, '-i', inDirectory('long.en', Array(400).fill('5 kilometers'))]);
  child.stdout?.once('data', () => child.stdout?.destroy());
  const { code, stderr } = await ended(child);
  assert.deepEqual([code, stderr], [0, '']);
});

test('SIGINT during training saves, exits 130 and --resume goes on', async () => {
  const out = join(directory, 'interrupted');
  const long = ['train', configuration, '--out', out, '--set', 'training.report.every={ steps: 1 }', '--set'];
  const child = start([...long, 'training.stop.epochs=2000', '--devices', '1']);
  let interrupted = false;
  child.stderr?.on('data', (text: string) => {
    if (interrupted || !/Up\. \d/.test(text)) return;
    interrupted = true;
    child.kill('SIGINT');
  });
  const { code, stderr } = await ended(child);
  assert.equal(code, 130, stderr);
  const saved = Number(/saved at update ([\d,]+)/.exec(stderr)?.[1]?.replaceAll(',', ''));
  assert.ok(saved > 0, stderr);
  const resumed = await decade([...long, `training.stop={ steps: ${saved + 1} }`, '--resume', '--json']);
  assert.equal(resumed.code, 0, resumed.stderr);
  assert.match(resumed.stderr, /on 1 device/, 'as it began');
  assert.match(resumed.stderr, new RegExp(`resumed at update ${saved.toLocaleString('en-US')}`));
  assert.equal(JSON.parse(resumed.stdout).steps, saved + 1);
});

test('evaluate scores a file, or a model, with signatures', async () => {
  const references = inDirectory('references.fr', ['il y a trois semaines', 'bonjour tout le monde']);
  const hypotheses = inDirectory('hypotheses.fr', ['il y a trois semaines', 'bonjour tout le monde']);
  const { code, stdout } = await decade([
    'evaluate',
    '--hypotheses',
    hypotheses,
    '--references',
    references,
    '--metrics',
    'bleu,chrf,ter',
    '--json',
  ]);
  assert.equal(code, 0);
  const { results } = JSON.parse(stdout) as { results: { metric: string; score: number; signature: string }[] };
  assert.deepEqual(
    results.map(({ metric, score }) => [metric, Math.round(score)]),
    [
      ['bleu', 100],
      ['chrf', 100],
      ['ter', 0],
    ],
  );
  assert.ok(results.every(({ signature }) => signature.includes('nrefs:1')));
  const shouted = inDirectory('shouted.fr', ['Il y a trois semaines', 'BONJOUR tout le monde !']);
  const tokenized = inDirectory('tokenized.fr', ['il y a trois semaines', 'bonjour tout le monde!']);
  const reading = ['--tokenize', 'none', '--lowercase', '--metrics', 'bleu'];
  const { stdout: read } = await decade(['evaluate', '--hypotheses', shouted, '--references', tokenized, ...reading]);
  assert.match(read, /^BLEU = (?!100)\d+\.\d\d {2}nrefs:1\|case:lc\|eff:no\|tok:none\|/, 'a mark that stands apart is a word of its own');
  const { stdout: standard } = await decade([
    'evaluate',
    '--hypotheses',
    shouted,
    '--references',
    tokenized,
    '--lowercase',
    '--metrics',
    'bleu',
  ]);
  assert.match(standard, /^BLEU = 100\.00 /);
  const source = inDirectory('source.en', ['three weeks ago', 'hello']);
  const translated = await decade(['evaluate', '-m', run, '--source', source, '--references', references]);
  assert.equal(translated.code, 0, translated.stderr);
  assert.match(translated.stdout, /^BLEU = \d+\.\d\d {2}nrefs:1\|case:mixed.*\nchrF2 = /);
});

test("estimate counts the paper's 384 million parameters, 64 million of them recurrent, without allocating them", async () => {
  const { code, stdout } = await decade(['estimate', join(repository, 'recipes', 'paper-2014.yaml')]);
  assert.equal(code, 0);
  assert.match(stdout, /Parameters +384M, of these 64M recurrent/);
});

test('doctor lists the portable kernels everywhere', async () => {
  const { code, stdout } = await decade(['doctor', '--json']);
  assert.equal(code, 0);
  const { providers, cores } = JSON.parse(stdout) as { providers: { name: string; available: boolean }[]; cores: number };
  assert.ok(cores >= 1 && providers.some(({ name, available }) => name === 'webassembly' && available));
});

test('bench generate measures language models, and says which they are', async () => {
  const { code, stdout, stderr } = await decade([
    'bench',
    'generate',
    '--config',
    'lm-micro',
    '--texts',
    '3',
    '--seconds',
    '0.1',
    '--json',
  ]);
  assert.equal(code, 0, stderr);
  const { texts, promptTokens, tokens, batchMs, tokensPerSecond, devices } = JSON.parse(stdout) as { [key: string]: number };
  // As far as its positions reach, 64 with what ends a text.
  assert.deepEqual([texts, promptTokens, tokens], [3, 16, 47]);
  assert.ok(Math.abs(Number(tokensPerSecond) / ((Number(devices) * 3 * 47 * 1000) / Number(batchMs)) - 1) < 0.01);
  const translator = await decade(['bench', 'generate', '--config', 'small']);
  assert.equal(translator.code, 2);
  assert.match(translator.stderr, /small, a translator; expected lm-micro, lm-nano, lm-gpt2/);
});

test('every command has an example in its help', async () => {
  const { commands } = await program();
  assert.ok(commands.length >= 8);
  for (const command of commands) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    assert.match(help, new RegExp(`Examples?:\\n {2}\\$ .*decade ${command.name()}\\b`), command.name());
  }
});

test('simulate gives a result for every strategy and number of devices, and draws timelines', async () => {
  const page = join(directory, 'timeline.html');
  const recipe = join(repository, 'recipes', 'paper-2014.yaml');
  const { code, stdout, stderr } = await decade(['simulate', recipe, '--profile', '2014', '--devices', '1..3', '--html', page, '--json']);
  assert.equal(code, 0, stderr);
  const { results, paper } = JSON.parse(stdout) as { results: { [key: string]: unknown }[]; paper: { published: object } };
  assert.deepEqual(
    results.map(({ strategy, devices }) => `${strategy} ${devices}`),
    [1, 2, 3].flatMap((devices) => ['data', 'pipeline', 'gpipe', '1f1b'].map((strategy) => `${strategy} ${devices}`)),
  );
  for (const key of ['speedup', 'efficiency', 'idleFraction']) assert.ok(results.every((result) => typeof result[key] === 'number'));
  assert.deepEqual(paper.published, { oneGpu: 1700, eightGpus: 6300, speedup: 6300 / 1700 });
  assert.match(readFileSync(page, 'utf8'), /<svg/);
});

test('simulate checks its predictions by training as it simulated', async () => {
  const small = ['--set', 'model.attention=none', '--set', 'model.hidden=16', '--set', 'tokenizer.size=300'];
  const strategies = ['--strategies', 'data,pipeline', '--devices', '2', '--check', '0.1', '--json'];
  const { code, stdout, stderr } = await decade(['simulate', configuration, ...small, ...strategies]);
  assert.equal(code, 0, stderr);
  const { checked } = JSON.parse(stdout) as {
    checked: { strategy: string; predictedSpeedup: number; measuredSpeedup: number; difference: number }[];
  };
  // On one core there is nothing to compare with.
  for (const { predictedSpeedup, measuredSpeedup, difference } of checked) {
    assert.ok(predictedSpeedup > 0 && measuredSpeedup > 0);
    assert.ok(Math.abs(difference - (predictedSpeedup / measuredSpeedup - 1)) < 1e-9);
  }
  assert.ok(checked.length === 0 || checked.map(({ strategy }) => strategy).join() === 'data,pipeline');
});

test('options of simulate that cannot be combined are refused before anything is measured', async () => {
  for (const [given, message] of [
    [['--check', '1', '--profile', '2014'], /--check: --profile 2014; expected the profile of this machine/],
    [['--gemm', 'webassembly', '--profile', '2014'], /--gemm: --profile 2014/],
    [['--check', '1', '--bandwidth', '3'], /--check: --bandwidth, which does not apply to devices that share one memory/],
    [['--devices', '1..1000000000'], /whole numbers from 1 to 64/],
    [['--devices', '8..2'], /whole numbers from 1 to 64/],
    [['--strategies', 'data,both'], /some of data, pipeline, gpipe, 1f1b/],
    [['--nodes', '8'], /--nodes: --profile here; expected the file of a cluster/],
    [['--profile', '2015'], /--profile: 2015; expected here, 2014 or the file of a cluster/],
    [['--profile', 'my.yaml', '--check', '1'], /--check: --profile my\.yaml.*; expected the profile here or 2014/],
  ] as const) {
    const { code, stderr, stdout } = await decade(['simulate', configuration, ...given]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stdout, '');
  }
});

test('simulate measures this machine unless it is told another', async () => {
  const small = ['--set', 'model.attention=none', '--set', 'training.batch.sentences=4'];
  const { code, stdout, stderr } = await decade(['simulate', configuration, ...small, '--devices', '2', '--strategies', 'data']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /measured here \(webassembly(.|\n)*\nstrategy devices speed-up(.|\n)*\ndata +2 /);
});

test('simulate marks what a pipeline cannot cut, with the reason, and simulates the rest', async () => {
  const profile = ['--profile', '2014', '--devices', '1,3,3,12', '--set', 'training.precision=bf16'];
  const printed = await decade(['simulate', configuration, ...profile]);
  assert.equal(printed.code, 0, printed.stderr);
  assert.match(printed.stdout, /\ndata +12 +[\d.]+ x .*\npipeline +- +not possible: model\.attention\ngpipe/);
  assert.match(printed.stdout, /\nmodel\.attention: dot, which needs the whole\s+source.*\s+.*model\.attention=none/);
  assert.match(printed.stderr, /no measurement of bf16/);
  for (const line of printed.stdout.split('\n')) assert.ok(line.length <= 80, line);
  const { stdout } = await decade(['simulate', configuration, ...profile, '--json']);
  const { results, refused, warnings } = JSON.parse(stdout) as {
    results: { strategy: string; devices: number; shares: { [name: string]: number } }[];
    refused: { strategy: string; key: string; reason: string }[];
    warnings: string[];
  };
  assert.deepEqual(
    results.map(({ strategy, devices }) => `${strategy} ${devices}`),
    ['data 1', 'data 3', 'data 12'],
  );
  for (const { shares } of results) assert.ok(Object.values(shares).every((share) => share >= 0));
  assert.ok((results[1]?.shares.exchange ?? 0) > 0);
  assert.deepEqual(
    refused.map(({ strategy, key }) => `${strategy} ${key}`),
    ['pipeline model.attention', 'gpipe model.attention', '1f1b model.attention'],
  );
  assert.ok(warnings.some((warning) => warning.includes('attention')));
});
