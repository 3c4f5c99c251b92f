import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tokenizer as ReferenceTokenizer } from '@huggingface/tokenizers';
import { sentencePieceJson } from '../../src/foreign/sentence-piece-json.js';
import { SentencePiece } from '../../src/text/sentence-piece/sentence-piece.js';
import { bytePair, modelBytes, normal, unigram, unused } from '../text/small-models.js';

const texts = {
  unigram: ['the dogs', '  do   the hat ', 'that dogs do', 'tea'],
  bytePair: ['them then', 'th  mne', 'the nth', 'é the'],
};

for (const [name, model] of [['unigram', unigram] as const, ['bytePair', bytePair] as const]) {
  test(`a SentencePiece model as tokenizer.json cuts and joins text as the model does: ${name}`, () => {
    // Other readers know no pieces that only serve to make others.
    const bytes = modelBytes({
      ...model,
      pieces: model.pieces.map(([text, score, type]) => [text, score, type === unused ? normal : (type ?? normal)]),
    });
    const piece = new SentencePiece(bytes, name);
    const tokens = Array.from({ length: piece.size }, (_, id) => piece.piece(id) ?? null);
    const special = { begin: 1, end: 2, unknown: piece.unknownId, forbidden: [1] };
    const file = JSON.parse(JSON.stringify(sentencePieceJson(bytes, tokens, special)));
    const theirs = new ReferenceTokenizer(file, {});
    for (const text of texts[name]) {
      const ours = piece.encode(text);
      const { ids } = theirs.encode(text, { add_special_tokens: false });
      assert.deepEqual(
        ids,
        ours.map(({ id }) => id),
        text,
      );
      assert.equal(theirs.decode(ids, { skip_special_tokens: true }), piece.decode(ours.map((each) => each.piece)), text);
    }
  });
}
