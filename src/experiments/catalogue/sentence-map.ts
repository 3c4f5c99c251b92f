import { scatterPlot } from '../../analysis/page/plot.js';
import { principalPlane } from '../../analysis/principal-plane.js';
import { paperGroups, type SentenceGroup } from '../../analysis/sentence-map.js';
import { randomKey, shuffle } from '../../core/random.js';
import { languageTask } from '../base.js';
import { directed, type Experiment } from '../experiment.js';

/** Sentences that are put into other orders, at most. */
const mostSentences = 200;
const ordersOfASentence = 3;
const sentencesDrawn = 5;

export const sentenceMap: Experiment<'reversed'> = {
  title: 'The map of sentences',
  where: 'figure 2',
  claim: 'the vector of a sentence is sensitive to the order of words and hardly to the voice of the verb',
  task: languageTask,
  seeds: 1,

  plan(setting) {
    return { reversed: directed(setting, 'reversed', 1) };
  },

  async measure({ runs, laboratory, test, base }) {
    const { signal } = laboratory.options;
    const sentences = test.sources
      .map((source) => source.split(/\s+/))
      .filter((words) => words.length >= 4 && new Set(words).size === words.length);
    const chosen = sentences.slice(0, mostSentences);
    const groups = [...ordersGroup(chosen), ...('generator' in base.configuration.data.train ? [] : paperGroups)];
    const model = await laboratory.open(runs.reversed);
    try {
      const vectorsOf = async (lines: readonly string[]) => {
        const { vectors } = await model.sentenceVectors(lines, { signal });
        return vectors.filter((vector) => vector !== undefined);
      };
      const written = await vectorsOf(chosen.map((words) => words.join(' ')));
      const shuffled = await vectorsOf(chosen.map((words, sentence) => otherOrder(words, sentence).join(' ')));
      const between = meanOf(written.map((vector, sentence) => distance(vector, written[(sentence + 1) % written.length] as Float32Array)));
      const order = meanOf(written.map((vector, sentence) => distance(vector, shuffled[sentence] as Float32Array))) / between;
      const drawn = [];
      for (const group of groups) {
        const vectors = await vectorsOf(group.classes.flat());
        drawn.push({ group, separation: separation(group, vectors), ...(await principalPlane(vectors, { signal })) });
      }
      return {
        head: ['what', 'figure', 'paper'],
        rows: [
          [
            `distance between a sentence and the same words in another order, against two different sentences (${chosen.length} sentences)`,
            order.toFixed(2),
            'not 0: sensitive to order',
          ],
          ...drawn.map(({ group, separation }) => [
            `${group.title}: distance between classes, against within`,
            separation.toFixed(2),
            'above 1: classes lie apart',
          ]),
        ],
        conclusions: [
          `The same words in another order are ${order.toFixed(2)} times as far apart as two different sentences; for a model that ignores order it would be 0.`,
          ...drawn
            .filter(({ group }) => paperGroups.includes(group))
            .map(
              ({ group, separation }) =>
                `${group.title}: classes are ${separation.toFixed(2)} times as far apart as sentences within a class.`,
            ),
        ],
        plots: [],
        widePlots: drawn.map(({ group, points, shares }) => {
          let next = 0;
          const axis = (share: number, name: string) => ({
            label: `${name} component, ${(100 * share).toFixed(0)} % of the variance`,
          });
          return scatterPlot({
            title: group.title,
            x: axis(shares[0], 'first'),
            y: axis(shares[1], 'second'),
            isNamed: true,
            series: group.classes.map((lines, index) => ({
              name: `class ${index + 1}`,
              points: lines.map((name) => ({ name, ...(points[next++] as { x: number; y: number }) })),
            })),
          });
        }),
        figures: {
          order,
          sentences: chosen.length,
          groups: drawn.map(({ group, separation, shares }) => ({ title: group.title, separation, shares })),
        },
      };
    } finally {
      await model.dispose();
    }
  },
};

/** A few sentences, each a class with its words in some other orders. */
function ordersGroup(sentences: readonly (readonly string[])[]): SentenceGroup[] {
  const chosen = sentences.filter((words) => words.length <= 8).slice(0, sentencesDrawn);
  if (chosen.length < 2) return [];
  const classes = chosen.map((words, sentence) =>
    Array.from({ length: 1 + ordersOfASentence }, (_, order) => (order === 0 ? words : otherOrder(words, sentence, order)).join(' ')),
  );
  return [{ title: 'The same words in other orders', classes }];
}

function otherOrder(words: readonly string[], sentence: number, order = 1): string[] {
  const places = [...words.keys()];
  shuffle(places, randomKey(order, 'sample', sentence));
  const isSame = places.every((place, index) => place === index);
  return (isSame ? places.reverse() : places).map((place) => words[place] as string);
}

/** Mean distance between sentences of different classes over that between sentences of one. */
function separation({ classes }: SentenceGroup, vectors: readonly Float32Array[]): number {
  const classOf = classes.flatMap((lines, index) => lines.map(() => index));
  const [within, between]: [number[], number[]] = [[], []];
  for (const [one, vector] of vectors.entries()) {
    for (let other = one + 1; other < vectors.length; other++) {
      (classOf[one] === classOf[other] ? within : between).push(distance(vector, vectors[other] as Float32Array));
    }
  }
  return meanOf(between) / meanOf(within);
}

function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, index) => sum + (value - (b[index] as number)) ** 2, 0));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
