import { equalBins } from '../bins.js';
import type { ExaminedTest } from '../examine.js';
import { type Content, data, type Html, html } from '../page/html.js';
import { scatterPlot } from '../page/plot.js';
import type { MappedGroup } from '../sentence-map.js';
import { wordsOf } from '../words.js';

const shades = 5;
/** Of a sentence, what a reader needs in order to recognise it. */
const longestText = 280;

/** Figure 2 of the paper, of the test set: point at a sentence to read it, search to find it. */
export function sentenceMap({ map, sources, hypotheses }: ExaminedTest): Content {
  if (map === undefined) return html`<p class="missing">A map needs at least three sentences.</p>`;
  const { points, sentences, shares } = map;
  const bins = equalBins(
    sentences.map((sentence) => wordsOf(sources[sentence] ?? '').length),
    shades,
  );
  const plot = scatterPlot({
    title: 'Sentences by what the encoder makes of them',
    note: `${figure(sentences.length)} ${sentences.length < sources.length ? `of ${figure(sources.length)} ` : ''}sentences, coloured by their number of words.`,
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
  const told = Object.fromEntries(
    sentences.map((sentence) => [sentence, [shortened(sources[sentence] ?? ''), shortened(hypotheses[sentence] ?? '')]]),
  );
  return html`<div class="map" id="map">${data('map-sentences', told)}
<div hidden><label class="search">Search <input type="search" autocomplete="off" placeholder="words in a source or a translation"></label>
<output></output></div>
${plot}</div>`;
}

/** Sentences that were given in groups, named on a map of their own as in the paper. */
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

function shortened(sentence: string): string {
  return sentence.length > longestText ? `${sentence.slice(0, longestText)}…` : sentence;
}
