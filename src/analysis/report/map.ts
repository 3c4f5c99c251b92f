import { equalBins } from '../examination/bins.js';
import type { ExaminedTest } from '../examination/examined-test.js';
import { type Content, type Html, html } from '../page/html.js';
import { scatterPlot } from '../page/plot.js';
import type { MappedGroup } from '../examination/sentence-map.js';
import { wordsOf } from '../examination/words.js';

const shades = 5;

/** Figure 2 of the paper for the test set, with search. */
export function sentenceMap({ map, sources }: ExaminedTest): Content {
  if (map === undefined) return undefined;
  const { points, sentences, shares } = map;
  const bins = equalBins(
    sentences.map((sentence) => wordsOf(sources[sentence] ?? '').length),
    shades,
  );
  const plot = scatterPlot({
    title: 'Sentence vectors of the encoder',
    note: `${figure(sentences.length)} ${sentences.length < sources.length ? `of ${figure(sources.length)} ` : ''}sentences, coloured by number of words.`,
    ...axes(shares),
    series: bins.map(({ least, greatest, sentences: members }) => ({
      name: `${least === greatest ? least : `${least}–${greatest}`} ${greatest === 1 ? 'word' : 'words'}`,
      points: members.map((place) => {
        const sentence = sentences[place] as number;
        return { ...(points[place] as { x: number; y: number }), name: `line ${sentence + 1}`, id: sentence };
      }),
    })),
    isOrdered: true,
  });
  return html`<div class="map" id="points">
<div class="controls" hidden><label class="search">Search <input type="search" autocomplete="off" spellcheck="false"></label>
<output></output></div>
${plot}
<p class="note">Point at a sentence to read it, or tap it; Enter or a second tap shows it in the table.</p></div>`;
}

/** One map per group of given sentences, with labels, as in the paper. */
export function groupMaps(groups: readonly MappedGroup[]): Html[] {
  return groups.map(({ group, points, shares }) => {
    let next = 0;
    return scatterPlot({
      title: group.title,
      ...axes(shares),
      series: group.classes.map((sentences, index) => ({
        name: group.names?.[index] ?? `like “${sentences[0]}”`,
        points: sentences.map((name) => ({ ...(points[next++] as { x: number; y: number }), name })),
      })),
      isNamed: true,
    });
  });
}

function axes(shares: readonly [number, number]) {
  return {
    x: { label: `first principal component (${percent(shares[0])} of the variance)` },
    y: { label: `second principal component (${percent(shares[1])})` },
  };
}

function figure(value: number): string {
  return value.toLocaleString('en');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}
