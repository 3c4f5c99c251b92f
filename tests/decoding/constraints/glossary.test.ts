import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DecadeError } from '../../../src/core/errors.js';
import { Glossary } from '../../../src/decoding/constraints/glossary.js';
import { occursIn, phraseOf } from '../../../src/decoding/constraints/phrase.js';

const of = (lines: string[], source: string) => new Glossary(lines).phrasesOf(source);

describe('a phrase', () => {
  for (const [text, phrase, is] of [
    ['the cat.', 'cat', true],
    ['Cat’s', 'cat', true],
    ['category', 'cat', false],
    ['a bobcat', 'cat', false],
    ['cat', 'Cat', false],
    ['in New York', 'New York', true],
    ['in new york', 'New York', false],
    ["l'été", 'été', true],
    ['e\u0301te\u0301', 'e', false],
    ['我喜歡貓咪', '貓', true],
    ['cost 5 %', '5 %', true],
    ['cost 15 %', '5 %', false],
    ['C++!', 'C++', true],
  ] as const) {
    test(`${phrase} is ${is ? '' : 'not '}in ${text}`, () => assert.equal(occursIn(text, phraseOf(phrase)), is));
  }
});

describe('a glossary', () => {
  const lines = [
    '# animals',
    'cat\tchat|chatte',
    '',
    'house cat\tchat domestique',
    'dog\tchien|!clébard',
    'Turkey\tTurquie\tdinde',
    'cat\tminet',
  ];

  test('asks for forms of the terms of a line, and forbids others', () => {
    assert.deepEqual(of(lines, 'A Cat and a dog.'), { must: [['chat', 'chatte', 'minet'], ['chien']], mustNot: ['clébard'] });
    assert.deepEqual(of(lines, 'The category of turkey'), { must: [], mustNot: [] });
    assert.deepEqual(of(lines, 'Turkey'), { must: [['Turquie']], mustNot: ['dinde'] });
  });

  test('takes the longest term at a word, and none inside it', () => {
    assert.deepEqual(of(lines, 'house cat').must, [['chat domestique']]);
    assert.deepEqual(of(lines, 'a house, a cat').must, [['chat', 'chatte', 'minet']]);
  });

  test('finds a term that begins with a capital whose small letter is two characters', () => {
    assert.deepEqual(of(['İstanbul\tIstanbul', 'istanbul\tville'], "İstanbul'da").must, [['Istanbul']]);
  });

  test('reads CSV with quoted fields', () => {
    const glossary = new Glossary(['"now, then","maintenant ""et"" alors"', 'dog,,clébard'], { separator: ',' });
    assert.deepEqual(glossary.phrasesOf('now, then'), { must: [['maintenant "et" alors']], mustNot: [] });
    assert.deepEqual(glossary.phrasesOf('dog'), { must: [], mustNot: ['clébard'] });
  });

  test('names a bad line by its number and uses the rest', () => {
    const bad: DecadeError[] = [];
    const glossary = new Glossary(['alone', 'cat\tchat', '\tchien', 'a\tb\tc\td', 'e\t', '"open\tx'], {
      name: 'terms.tsv',
      onBadLine: (error) => bad.push(error),
    });
    assert.deepEqual(
      bad.map(({ parts }) => [parts.where, parts.received]),
      [
        ['terms.tsv: line 1', '1 column'],
        ['terms.tsv: line 3', 'no term'],
        ['terms.tsv: line 4', '4 columns'],
        ['terms.tsv: line 5', 'no form'],
        ['terms.tsv: line 6', 'a quotation mark that is not closed'],
      ],
    );
    assert.equal(glossary.size, 1);
    assert.throws(
      () => new Glossary(['alone']),
      (error: unknown) => error instanceof DecadeError && error.kind === 'input',
    );
  });
});
