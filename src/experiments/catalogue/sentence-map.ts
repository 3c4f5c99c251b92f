import { fewestForInterval } from '../../analysis/examination/bins.js';
import { sentenceInterval } from '../../analysis/examination/effects.js';
import type { Estimated } from '../../analysis/examination/means.js';
import { scatterPlot } from '../../analysis/page/plot.js';
import { principalPlane } from '../../analysis/examination/principal-plane.js';
import { paperGroups, type SentenceGroup } from '../../analysis/examination/sentence-map.js';
import { randomKey, shuffle } from '../../core/random.js';
import { languageTask } from '../base.js';
import type { Experiment } from '../experiment.js';
import { bagOfWords, distances, meanOf, separation, type Triple } from '../sentence-distances.js';
import { factor, written } from '../wording.js';
import { directed, paper } from './lstm-of-2014.js';

/** Most sentences whose words are reordered. */
const mostSentences = 200;
const ordersOfASentence = 3;
const sentencesDrawn = 5;
/** It has no options. */
const options = {};

/** Two changes of a sentence, compared by how much they change its vector. */
interface DistanceComparison {
  readonly what: string;
  /** A sentence, its changed version, and the sentence whose distance is the unit. */
  readonly triples: readonly Triple<string>[];
  readonly paper: string;
  /** The conclusion from the ratio of distances and from the factor between a trained and an untrained network. */
  conclude(trained: Estimated, effect: Estimated): string;
}

interface Judged {
  readonly trained: Estimated;
  /** The same network as it was initialised: the control. */
  readonly untrained: Estimated;
  /** The first over the second. */
  readonly effect: Estimated;
  readonly bagOfWords: number;
}

export const sentenceMap: Experiment<typeof options> = {
  title: 'Map of sentence vectors',
  source: {
    paper,
    where: 'figure 2',
    claim: 'sentence vectors are sensitive to word order and hardly to the voice of the verb',
  },
  task: languageTask,
  options,

  async *stages(study) {
    const { laboratory, test, base } = study;
    const trainings = directed(study, 'reversed', 1);
    // Reading a few hundred sentences takes hardly any time.
    yield { steps: trainings };
    const runs = await laboratory.results(trainings);
    const { signal } = laboratory.options;
    const sentences = test.sources
      .map((source) => source.split(/\s+/))
      .filter((words) => words.length >= 4 && new Set(words).size === words.length)
      .slice(0, mostSentences);
    const isEnglish = base.configuration.data.source === 'en' && !('generator' in base.configuration.data.train);
    const comparisons = [orderComparison(sentences), ...(isEnglish ? [voiceComparison()] : [])];
    const groups = [...ordersGroup(sentences), ...(isEnglish ? paperGroups : [])];
    const lines = [...comparisons.flatMap(({ triples }) => triples.flat()), ...groups.flatMap(({ classes }) => classes.flat())];
    const read = async (untrained: boolean) => {
      const model = await laboratory.outputs.open(runs, { untrained });
      try {
        const { vectors } = await model.sentenceVectors(lines, { signal });
        return new Map(vectors.flatMap((vector, index) => (vector === undefined ? [] : [[lines[index] as string, vector] as const])));
      } finally {
        await model.dispose();
      }
    };
    const [trained, untrained] = [await read(false), await read(true)];
    const vectorsOf = (vectors: ReadonlyMap<string, Float32Array>, { classes }: SentenceGroup) =>
      classes.map((lines) => lines.flatMap((line) => vectors.get(line) ?? []));
    const judged: (DistanceComparison & Judged)[] = [];
    for (const comparison of comparisons) judged.push({ ...comparison, ...(await judge(comparison.triples, trained, untrained, signal)) });
    const drawn = [];
    for (const group of groups) {
      const vectors = vectorsOf(trained, group);
      drawn.push({
        ...{ group, trained: separation(vectors), untrained: separation(vectorsOf(untrained, group)) },
        ...{ bagOfWords: separation(vectorsOf(bagOfWords(lines), group)), ...(await principalPlane(vectors.flat(), { signal })) },
      });
    }
    const ratio = (value: number) => (Number.isFinite(value) ? value.toFixed(2) : '∞');
    return {
      head: ['distances', 'trained', 'untrained', 'bag of words', 'trained / untrained', 'paper'],
      rows: [
        ...judged.map(({ what, triples, trained, untrained, bagOfWords, effect, paper }) => [
          `${what} (${triples.length} sentences)`,
          ...[written(trained, 2), written(untrained, 2), ratio(bagOfWords), factor(effect), paper],
        ]),
        ...drawn.map(({ group, trained, untrained, bagOfWords }) => [
          `${group.title}: between classes / within (${group.classes.flat().length} sentences)`,
          ...[ratio(trained), ratio(untrained), ratio(bagOfWords), '', 'above 1: classes are separate'],
        ]),
      ],
      conclusions: [
        ...judged.map(({ triples, trained, effect, conclude }) =>
          triples.length < fewestForInterval
            ? `No verdict: ${triples.length} sentences are fewer than ${fewestForInterval}.`
            : `${conclude(trained, effect)} (one seed).`,
        ),
        'The untrained network is the same network as initialised, with the same seed: an effect that it shows, too, is not learnt. Intervals are 95 %, over sentences. Groups of few sentences are plotted without a verdict.',
      ],
      plots: [],
      widePlots: drawn.map(({ group, points, shares }) => {
        let next = 0;
        const axis = (share: number, name: string) => ({ label: `${name} component, ${(100 * share).toFixed(0)} % of the variance` });
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
        comparisons: judged.map(({ what, triples, trained, untrained, effect }) => ({
          ...{ what, sentences: triples.length, trained, untrained, effect },
        })),
        groups: drawn.map(({ group, trained, untrained, shares }) => ({ title: group.title, trained, untrained, shares })),
      },
    };
  },
};

/** Ratios of mean distances: to the changed sentence, divided by that to the unit. */
async function judge(
  triples: readonly Triple<string>[],
  trained: ReadonlyMap<string, Float32Array>,
  untrained: ReadonlyMap<string, Float32Array>,
  signal: AbortSignal | undefined,
): Promise<Judged> {
  const [before, now] = [distances(triples, untrained), distances(triples, trained)];
  const statistics = now.map((pair, sentence) => Float64Array.of(...pair, ...(before[sentence] as readonly number[])));
  const interval = async (figure: (sum: Float64Array) => number): Promise<Estimated> => {
    const { value, low, high } = await sentenceInterval(statistics, figure, { signal });
    return triples.length < fewestForInterval ? { value } : { value, low, high };
  };
  const ratio = ([changed = 0, other = 0]: Float64Array) => changed / other;
  const words = distances(triples, bagOfWords(triples.flat()));
  return {
    trained: await interval(ratio),
    untrained: await interval((sum) => ratio(sum.subarray(2))),
    effect: await interval((sum) => ratio(sum) / ratio(sum.subarray(2))),
    bagOfWords: meanOf(words.map(([changed]) => changed)) / meanOf(words.map(([, other]) => other)),
  };
}

function orderComparison(sentences: readonly (readonly string[])[]): DistanceComparison {
  return {
    what: 'same words in another order / another sentence',
    triples: sentences.map((words, sentence) => [
      words.join(' '),
      otherOrder(words, sentence).join(' '),
      (sentences[(sentence + 1) % sentences.length] as readonly string[]).join(' '),
    ]),
    paper: 'not 0: sensitive to order',
    conclude(_, effect) {
      const { low = 1, high = 1 } = effect;
      const told =
        low > 1
          ? 'training increased the sensitivity to order, as in the paper'
          : high < 1
            ? 'an untrained network is more sensitive to order: this sensitivity is not learnt, but the similarity of sentences with the same words is'
            : 'no difference from an untrained network, so nothing is shown';
      return `Word order, ${factor(effect)} relative to untrained: ${told}`;
    },
  };
}

const names = ['Mary', 'John', 'Tom', 'Alice'] as const;
const verbs = ['admire', 'love', 'invite', 'like', 'praise', 'save'] as const;

/** Sentences in both voices, as in figure 2, but enough of them for an interval. */
function voiceComparison(): DistanceComparison {
  const pairs = names.flatMap((one) => names.filter((other) => other !== one).map((other) => [one, other] as const));
  return {
    what: 'passive voice / subject and object exchanged',
    triples: pairs.flatMap(([one, other]) =>
      verbs.map((verb): Triple<string> => [`${one} ${verb}s ${other}.`, `${other} is ${verb}d by ${one}.`, `${other} ${verb}s ${one}.`]),
    ),
    paper: 'small: hardly sensitive to voice',
    conclude(trained, effect) {
      const isLearnt = (effect.high ?? 1) < 1;
      const told =
        (trained.high ?? 1) >= 1
          ? 'the voice of the verb does not change the vector less than the meaning does, unlike the paper'
          : isLearnt
            ? 'the meaning changes the vector more than the voice does, and this is learnt, as in the paper'
            : 'the meaning changes the vector more than the voice does, but also in an untrained network: not learnt';
      return `Voice of the verb, ${written(trained, 2)}, ${factor(effect)} relative to untrained: ${told}`;
    },
  };
}

/** A few sentences; each is a class with its words in other orders. */
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
