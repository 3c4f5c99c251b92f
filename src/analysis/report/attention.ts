import type { ExaminedTest } from '../examination/examined-test.js';
import type { Content } from '../page/html.js';
import { heatMap } from '../page/plot.js';
import { example, type Languages, sentenceColumns } from './sentence.js';

/** What the model looked at: for each sentence, a row for each token that was written, a column for each that was read. */
export function attention(test: ExaminedTest, languages: Languages): Content {
  return test.attention.map(({ sentence, map }) => {
    const columns = sentenceColumns(test, sentence, languages);
    const drawing = heatMap({
      title: `Attention, line ${sentence + 1}`,
      corner: 'written ↓ read →',
      columns: map.source.map(visible),
      rows: map.target.map(visible),
      weights: map.weights,
    });
    return example(`line ${sentence + 1}`, columns, drawing);
  });
}

/** A token that is only white space would look like none. */
function visible(token: string): string {
  return token.trim() === '' ? '␣' : token;
}
