import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, browserName } from './browser.js';
import { decade, temporaryDirectory, writeTinyConfiguration } from './decade.js';

const directory = temporaryDirectory();
const run = join(directory, 'run');
const hostile = [
  '</script><script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  "' onmouseover='alert(1)",
  '<!--',
  '& &amp; &lt;b&gt;',
  '\u202eright to left',
];
const sources = ['three weeks ago', '5 kilometers', '', 'Monday, January 19, 2004', '10 months, 26 days, 10 hours', ...hostile];
const inDirectory = (name: string, lines: readonly string[]): string => {
  const path = join(directory, name);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
};
const source = inDirectory('test.en', sources);
const references = inDirectory('test.fr', [...sources].reverse());
const sections = (page: string) => Array.from(page.matchAll(/<section id="([a-z0-9-]+)"/g), ([, id]) => id);
const plots = (page: string) => page.match(/<svg class="plot/g)?.length ?? 0;

before(async () => {
  const { code, stderr } = await decade([
    'train',
    writeTinyConfiguration(directory),
    '--out',
    run,
    '--devices',
    '1',
    '--set',
    'training.report.every={ steps: 2 }',
  ]);
  assert.equal(code, 0, stderr);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('report writes one page into the run, with every section, from the dev corpus', async () => {
  const { code, stdout, stderr } = await decade(['report', run, '--groups', 'paper']);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^BLEU = \d+\.\d\d, 95 % interval .*\nchrF2 = .*\n.*report\.html\n$/);
  const page = readFileSync(join(run, 'report.html'), 'utf8');
  assert.deepEqual(sections(page), [
    'scores',
    'training',
    'translations',
    'sentences',
    'map',
    'attention',
    'data',
    'configuration',
    'commands',
  ]);
  // Five curves, two of figure 3, two groups, the map, and some attention.
  assert.ok(plots(page) >= 11, `${plots(page)} plots`);
  assert.ok(page.includes('decade report') && page.includes('Mary admires John') && page.includes('hidden: 32'));
  assert.ok(!readdirSync(run).some((name) => name.endsWith('.partial')));
});

test('text of the corpus, of groups and of names cannot become HTML', async () => {
  const groups = inDirectory('groups.txt', [`# ${hostile[1]}`, ...hostile.slice(0, 3), '', 'three weeks ago', 'x']);
  const out = join(directory, 'hostile.html');
  const { code, stderr } = await decade([
    'report',
    run,
    '--source',
    source,
    '--references',
    references,
    '--groups',
    groups,
    '--attention',
    '1,6',
    '--beam',
    '2',
    '--out',
    out,
  ]);
  assert.equal(code, 0, stderr);
  const page = readFileSync(out, 'utf8');
  const tags = Array.from(page.matchAll(/<(script|img|svg onload|iframe)/gi), ([tag]) => tag.toLowerCase());
  assert.deepEqual(new Set(tags), new Set(['<script']));
  assert.ok(page.includes('&lt;img src=x onerror=alert(1)&gt;'));
});

test('a run whose corpora are gone still shows how it learnt, and says what is missing', async () => {
  const moved = join(directory, 'moved');
  cpSync(run, moved, { recursive: true });
  const path = join(moved, 'config.yaml');
  const gone = (part: string) => `  ${part}:\n    source: gone/${part}.en\n    target: gone/${part}.fr\n`;
  const text = readFileSync(path, 'utf8').replace(/ {2}train:\n(?: {4}.*\n)+ {2}dev:\n(?: {4}.*\n)+/, gone('train') + gone('dev'));
  assert.ok(text.includes('gone/dev.en'));
  writeFileSync(path, text);
  rmSync(join(moved, 'model.safetensors'));
  const { code, stderr } = await decade(['report', moved]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /No statistics of the training corpus.*gone/);
  assert.match(stderr, /No translations.*gone/);
  const page = readFileSync(join(moved, 'report.html'), 'utf8');
  assert.deepEqual(sections(page), ['missing', 'training', 'data', 'configuration', 'commands']);
  assert.ok(plots(page) >= 5);
});

test('sentences without references are translated and shown with their probabilities', async () => {
  const out = join(directory, 'unreferenced.html');
  const { code, stdout, stderr } = await decade(['report', run, '--source', source, '--out', out]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${out}\n`);
  const page = readFileSync(out, 'utf8');
  assert.deepEqual(sections(page), ['training', 'translations', 'sentences', 'map', 'attention', 'data', 'configuration', 'commands']);
  assert.match(page, /log-probability −\d+\.\d\d per token/);
  assert.doesNotMatch(page, /<th[^>]*>(reference|chrF|BLEU)/);
});

test('report scores as it is asked to, by any metric', async () => {
  const out = join(directory, 'scored.html');
  const given = ['--source', source, '--references', references, references, '--out', out];
  const asked = ['--metrics', 'ter,bleu', '--tokenize', 'char', '--lowercase', '--smooth', 'floor', '--smooth-value', '0.01'];
  const { code, stdout, stderr } = await decade(['report', run, ...given, ...asked]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^TER = .*\nBLEU = /);
  const page = readFileSync(out, 'utf8');
  for (const signature of ['nrefs:2|case:lc|tok:tercom', 'nrefs:2|case:lc|eff:no|tok:char|smooth:floor[0.01]']) {
    assert.ok(page.includes(signature), signature);
  }
});

test('bad input is refused before any work, with what to do', async () => {
  const cases: [string[], RegExp][] = [
    [['report', join(directory, 'nothing')], /nothing: no such directory; expected a run directory/],
    [['report', run, '--references', references], /--references without --source; expected --source as well/],
    [['report', run, '--source', inDirectory('nothing.en', [])], /nothing\.en: 0 sentences/],
    [['report', run, '--source', source, '--references', inDirectory('short.fr', ['x'])], /\d+ and 1 lines/],
    [['report', run, '--attention', '999'], /--attention: line 999; expected 1 to/],
    [['report', run, '--attention', 'first'], /expected lines from 1/],
    [['report', run, '--groups', join(directory, 'nothing.txt')], /nothing\.txt: no such file/],
    [['report', run, '--groups', inDirectory('two.txt', ['# pair', 'a', 'b'])], /group "pair": 2 sentences/],
    [['report', run, '--out', join(directory, 'no', 'such', 'place.html')], /no\/such: no such file or directory/],
    [['report', run, '--out', directory], /a directory; expected a file/],
    [['compare', run], /1 system; expected at least two/],
    [['compare', run, run], /twice/],
    [['compare', run, '--hypotheses', source], /--hypotheses alone; expected with --source and --references/],
    [['compare', run, join(directory, 'nothing')], /no such directory/],
  ];
  for (const [options, message] of cases) {
    const { code, stdout, stderr } = await decade(options, { directory });
    assert.ok(code === 1 || code === 2, `${options.join(' ')}: ${code}`);
    assert.match(stderr, message);
    assert.equal(stdout, '');
  }
  assert.ok(!existsSync(join(directory, 'compare.html')));
});

test('compare tests runs and files of translations against the first, in figures and on a page', async () => {
  const work = join(directory, 'work');
  mkdirSync(work);
  const given = ['--source', source, '--references', references];
  const perfect = inDirectory('perfect.fr', [...sources].reverse());
  const printed = await decade(['compare', run, '--hypotheses', perfect, ...given], { directory: work });
  assert.equal(printed.code, 0, printed.stderr);
  assert.match(printed.stdout, /12 sentences of .*test\.en.*\nBLEU .*\n.*run .*\n.*perfect\.fr .*\+\d.* p = 0\.\d\d\d/);
  const page = readFileSync(join(work, 'compare.html'), 'utf8');
  assert.deepEqual(sections(page), ['scores', 'parts', 'differences-1', 'sentences']);
  assert.doesNotMatch(page, /<img|<script src/);

  const out = join(work, 'other.html');
  const json = await decade(['compare', '--hypotheses', perfect, source, ...given, '--metrics', 'chrf', '--json', '--out', out]);
  const { sentences, results } = JSON.parse(json.stdout);
  assert.deepEqual([sentences, results.length, results[0].metric], [12, 1, 'chrf']);
  const [first, second] = results[0].systems;
  assert.deepEqual([first.system, first.score], [perfect, 100]);
  const { difference } = second;
  assert.ok(second.low <= second.score && second.score <= second.high && difference.score < 0 && difference.probability > 0);
  assert.ok(difference.low <= difference.score && difference.score <= difference.high);
});

test('in a browser: no complaint, every plot drawn, points found and tapped, and no sideways scrolling on a phone', async (context) => {
  if (browserName === undefined) return context.skip('no Chromium here');
  const out = join(directory, 'browser.html');
  const reported = await decade(['report', run, '--source', source, '--references', references, '--groups', 'paper', '--out', out]);
  assert.equal(reported.code, 0, reported.stderr);
  const browser = await Browser.start(browserName);
  try {
    for (const view of [
      { width: 1280, dark: false },
      { width: 390, dark: true },
    ]) {
      await browser.open(out, view);
      const boxes = await browser.evaluate<number[]>(
        '[...document.querySelectorAll("svg.plot")].map((plot) => Math.min(plot.getBoundingClientRect().width, plot.getBBox().width, plot.getBBox().height))',
      );
      assert.ok(boxes.length >= 11 && boxes.every((size) => size > 20), JSON.stringify(boxes));
      assert.ok((await browser.evaluate<number>('document.documentElement.scrollWidth')) <= view.width);
      const paper = await browser.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      assert.equal(paper === 'rgb(255, 255, 255)', !view.dark);
      const found = await browser.evaluate<string>(`(() => {
        const search = document.querySelector('#points input');
        search.value = 'KILOMETERS';
        search.dispatchEvent(new Event('input'));
        return document.querySelector('#points output').textContent;
      })()`);
      assert.equal(found, '2 of 11 sentences', 'by its source, and by the reference of another');
    }
    await browser.tap('#points .dot.found');
    const tip = await browser.evaluate<string>('document.querySelector("#points .tip").textContent');
    const line = /line (\d+) · \d/.exec(tip)?.[1];
    assert.ok(line !== undefined, tip);
    await browser.tap('#points .dot.found');
    assert.equal(await browser.evaluate('document.activeElement.cells[0].textContent'), line, 'its row in the table');
    assert.deepEqual(browser.complaints, []);
  } finally {
    await browser.end();
  }
});
