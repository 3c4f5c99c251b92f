import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Alignment, placeMarks, withoutPlaceholders } from '../../src/server/text/marks.js';
import { escapeText, stretchesOfPage } from '../../src/server/text/markup.js';
import { stretchesOf } from '../../src/server/text/sentences.js';

const asIs = (text: string) => text;

/** Words of a translation by those of the source: `[[target word, source word], ...]` in the order of the target. */
function aligned(source: string, target: string, pairs: readonly number[]): Alignment {
  const spans = (text: string) =>
    [...text.matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)].map(({ 0: word, index }) => [index, index + word.length] as const);
  const [sources, targets] = [spans(source), spans(target)];
  return pairs.map((place, index) => ({ target: targets[index] ?? [0, 0], source: sources[place] ?? [0, 0] }));
}

function translatedPage(html: string, translate: (plain: string) => [string, readonly number[]]): string {
  return stretchesOfPage(html)
    .map((stretch) => {
      if (stretch.kind === 'copy') return stretch.text;
      const [target, pairs] = translate(stretch.text.plain);
      return placeMarks(stretch.text, target, aligned(stretch.text.plain, target, pairs), escapeText);
    })
    .join('');
}

describe('what a text carries besides words', () => {
  test('tags follow their words, wherever these go', () => {
    const html = '<p class="x">The <b>white</b> <a href="/h?a=1&amp;b=2">house</a>.</p>';
    const french = translatedPage(html, (plain) => {
      assert.equal(plain, 'The white house.');
      return ['La maison blanche.', [0, 2, 1, 3]];
    });
    assert.equal(french, '<p class="x">La <a href="/h?a=1&amp;b=2">maison</a> <b>blanche</b>.</p>');
  });

  test('nested tags stay nested, and each is written once even where its words are scattered', () => {
    const french = translatedPage('<i>I do <b>not</b> know</i> him', () => ['Je ne le connais pas', [0, 2, 4, 3, 2]]);
    for (const tag of ['<i>', '</i>', '<b>', '</b>']) assert.equal(french.split(tag).length, 2, `${tag} in ${french}`);
    assert.equal(french.replace(/<[^>]*>/g, ''), 'Je ne le connais pas');
    assert.ok(french.indexOf('<i>') < french.indexOf('<b>') && french.indexOf('</b>') <= french.indexOf('</i>'), french);
  });

  test('code, translate="no", scripts, comments and images are copied', () => {
    const html =
      '<script>let a = "one <b>two";</script><p>one <code>two &lt;</code> three</p><pre>\n four  </pre><span translate="no">dog <b>x</b></span>' +
      '<!-- five --><p>one<img src=a.png> two <a href="#"><img src="b"></a></p>';
    const copied = translatedPage(html, (plain) => [plain.toUpperCase(), [0, 1, 2]]);
    assert.equal(
      copied,
      html
        .replace('<p>one <code>', '<p>ONE <code>')
        .replace('</code> three', '</code> THREE')
        .replace('<p>one<img', '<p>ONE<img')
        .replace('> two <a', '> TWO <a'),
    );
  });

  test('unknown elements stand within a sentence, whatever they are called; named ones are handled as asked', () => {
    const sentences = (html: string, tags?: Parameters<typeof stretchesOfPage>[1]) =>
      stretchesOfPage(html, tags).flatMap((stretch) => (stretch.kind === 'text' ? [stretch.text.plain] : []));
    for (const html of [
      'The <x id="1">white</x> house',
      'The <my-word>white</my-word> house',
      'The white<ph/> house',
      'The white</z> house',
    ])
      assert.deepEqual(sentences(html), ['The white house'], html);
    const xml = 'The <seg>white</seg> <K>house</K> and <p>the dog</p>';
    assert.deepEqual(sentences(xml), ['The white house and ', 'the dog']);
    assert.deepEqual(sentences(xml, { splitting: ['seg'], ignored: ['k'], nonSplitting: ['p'] }), ['The ', 'white', ' and the dog']);
    const french = translatedPage('The <x>white</x> <y/>house', () => ['La maison blanche', [0, 2, 1]]);
    assert.equal(french.replace(/<[^>]*>/g, ''), 'La maison blanche');
    assert.ok(french.includes('<x>blanche</x>') && french.includes('<y/>'), french);
  });

  test('elements within each other without end are refused, not run out of stack', () => {
    assert.throws(() => stretchesOfPage(`${'<b>'.repeat(20_000)}a dog`), /at most 256/);
    assert.equal(stretchesOfPage(`${'<b>'.repeat(200)}a dog${'</b>'.repeat(200)}`).length, 1);
  });

  test('broken HTML loses nothing', () => {
    for (const html of ['a < b & c', '<b>one', '<p>one<p>two', '<a><div>one</div> two</a>', '<code>one', '<', '<!--', '<b', '']) {
      const copied = translatedPage(html, (plain) => [plain, []]);
      const letters = (text: string) => text.replace(/&lt;|&amp;/g, '').replace(/[^a-z/]/g, '');
      assert.equal(letters(copied), letters(html), html);
    }
  });

  test('placeholders are untouched, and stand behind the word that they followed', () => {
    for (const placeholder of [
      '{{name}}',
      '%1$s',
      '%s',
      '{0}',
      ['$', '{user.name}'].join(''),
      '{n, plural, one {# dog} other {# dogs}}',
      '%(count)d',
      '<x id="1"/>',
    ]) {
      const text = `hello ${placeholder}, two dogs`;
      const marked = withoutPlaceholders(text);
      assert.equal(marked.plain, 'hello, two dogs', placeholder);
      assert.equal(
        placeMarks(marked, 'bonjour, deux chiens', aligned(marked.plain, 'bonjour, deux chiens', [0, 1, 2, 3]), asIs),
        `bonjour ${placeholder}, deux chiens`,
      );
    }
    assert.deepEqual(withoutPlaceholders('100% sure, 50 % of it').marks, []);
  });

  test('sentences and what stands between them are the whole text', () => {
    const text = ' One two.  Three four!\n\n\tFive…\r\n* * *\n  six 😀 ';
    const stretches = stretchesOf(text, 'en');
    assert.equal(stretches.map((stretch) => stretch.text).join(''), text);
    assert.deepEqual(
      stretches.filter(({ kind }) => kind === 'sentence').map((stretch) => stretch.text),
      ['One two.', 'Three four!', 'Five…', 'six 😀'],
    );
    const long = 'word '.repeat(1_000);
    assert.equal(
      stretchesOf(long, 'en')
        .map((stretch) => stretch.text)
        .join(''),
      long,
    );
    assert.ok(stretchesOf(long, 'en').every((stretch) => stretch.text.length <= 800));
  });
});
