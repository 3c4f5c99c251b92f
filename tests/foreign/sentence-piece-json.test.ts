import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer } from '@huggingface/tokenizers';
import { sentencePieceJson } from '../../src/foreign/sentence-piece-json.js';
import { SentencePiece } from '../../src/text/sentence-piece/sentence-piece.js';
import { bytePair, modelBytes, unigram } from '../text/small-models.js';

for (const [name, model] of Object.entries({ unigram, bytePair })) {
  test(`a SentencePiece model as tokenizer.json cuts text into the same pieces and joins them alike: ${name}`, () => {
    const bytes = modelBytes(model);
    const piece = new SentencePiece(bytes, name);
    const tokens = Array.from({ length: piece.size }, (_, id) => piece.piece(id) ?? null);
    const idOf = (text: string) => tokens.indexOf(text);
    const special = { begin: idOf('<s>'), end: idOf('</s>'), unknown: piece.unknownId, forbidden: [idOf('<s>')] };
    const file = JSON.parse(JSON.stringify(sentencePieceJson(bytes, tokens, special)));
    const theirs = new Tokenizer(file, {});
    for (const text of ['hello world', '  ab   a b ', 'a </s> b', 'lo wor', 'abc']) {
      const ours = piece.encode(text);
      if (ours.some(({ id }) => id === piece.unknownId)) continue;
      const { ids } = theirs.encode(text, { add_special_tokens: false });
      if (!text.includes('</s>')) assert.deepEqual(ids, ours.map(({ id }) => id), text);
      assert.equal(theirs.decode(ids, { skip_special_tokens: true }).trim(), text.replace('</s>', '').replace(/ +/g, ' ').trim(), text);
    }
  });
}
