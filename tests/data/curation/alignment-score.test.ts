import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignmentScore } from '../../../src/data/curation/alignment-score.js';
import { type BoundOfShare, filterLines } from '../../../src/data/curation/filter-lines.js';
import { droppedOf, pairsOf, textOf } from './lines.js';

type Translated = readonly [english: string, french: string];
const nouns: Translated[] = [
  ['house', 'maison'],
  ['river', 'rivière'],
  ['stone', 'pierre'],
  ['window', 'fenêtre'],
  ['car', 'voiture'],
  ['flower', 'fleur'],
  ['table', 'table'],
  ['road', 'route'],
];
const verbs: Translated[] = [
  ['sees', 'voit'],
  ['sells', 'vend'],
  ['paints', 'peint'],
  ['loves', 'aime'],
];
const clean = nouns.flatMap(([noun, nom], row) =>
  verbs.flatMap(([verb, verbe], column) => {
    const [other, autre] = nouns[(row + column + 1) % nouns.length] ?? ['', ''];
    const short: Translated = [`She ${verb} the ${noun}.`, `Elle ${verbe} la ${nom}.`];
    const long: Translated = [`He ${verb} the ${noun} and the ${other}.`, `Il ${verbe} la ${nom} et la ${autre}.`];
    return [short, long];
  }),
);
/** Each with the target of a pair that shares neither noun nor verb. */
const misaligned = [3, 14, 25, 36, 47, 58].map(
  (place): Translated => [clean[place]?.[0] ?? '', clean[(place + 21) % clean.length]?.[1] ?? ''],
);
const lines = pairsOf(...clean, ...misaligned);

test('targets that belong to other sources are dropped, by what the corpus itself says of its words', async () => {
  const dropped = await droppedOf(filterLines(lines, { scorers: { alignment: alignmentScore(lines) } }));
  assert.deepEqual(
    dropped,
    misaligned.map((_, index) => `${clean.length + index + 1} alignment`),
  );
  const shares = await droppedOf(filterLines(lines, { alignment: '5%', scorers: { alignment: alignmentScore(lines) } }));
  assert.equal(shares.length, Math.floor(0.05 * lines.length));
  assert.ok(shares.every((line) => dropped.includes(line)));
});

test('a share of pairs that are all the same drops none of them', async () => {
  const same = pairsOf(...Array.from({ length: 40 }, () => clean[0] ?? (['', ''] as const)));
  const found: BoundOfShare[] = [];
  const onBounds = (bounds: readonly BoundOfShare[]) => found.push(...bounds);
  assert.deepEqual(await droppedOf(filterLines(same, { alignment: '5%', scorers: { alignment: alignmentScore(same) }, onBounds })), []);
  assert.deepEqual([found[0]?.asked, found[0]?.worse, found[0]?.equal], [2, 0, 40]);
});

test('a pair does not explain itself, and a length is no fault', async () => {
  const rare = ['Zebra quagga!', 'Éléphant girafe !'] as const;
  const scorer = alignmentScore(pairsOf(...clean, rare));
  const pairs = pairsOf(rare, clean[0] ?? rare, clean[1] ?? rare);
  const [own = 0, short = 0, long = 0] = Array.from(await scorer(pairs));
  assert.ok(Number.isNaN(own), `nothing else has its words: ${own}`);
  assert.ok(short > 1 && long > 1 && Math.abs(short - long) < 0.5, `${short} and ${long}`);
  const [learnt = 0] = Array.from(await alignmentScore(pairsOf(...clean, rare), { isForOthers: true })(pairs));
  assert.ok(learnt > 1, `of another corpus it would be good evidence: ${learnt}`);
});

test('a document in one line is neither learnt from nor scored', async () => {
  const document = ['house '.repeat(20_000), 'maison '.repeat(20_000)] as const;
  const pairs = pairsOf(...clean, document);
  const [scores, without] = [await alignmentScore(pairs)(pairs), await alignmentScore(pairsOf(...clean))(pairsOf(...clean))];
  assert.deepEqual(Array.from(scores), [...Array.from(without), Number.NaN]);
});

test('there must be something to learn from for other lines', async () => {
  await assert.rejects(
    async () => alignmentScore([], { isForOthers: true })(pairsOf(['a', 'b'])),
    /alignment corpus: no lines; expected pairs/,
  );
});

test('scores do not depend on which lines were scored before', async () => {
  const scorer = alignmentScore(lines);
  const first = await scorer(lines.slice(0, 10));
  await scorer(lines);
  assert.deepEqual(await scorer(lines.slice(0, 10)), first);
});

test('text in one language has no alignment', async () => {
  await assert.rejects(async () => alignmentScore(textOf('One side.'))(textOf('One side.')), { kind: 'usage', message: /expected pairs/ });
});
