import type { Comparison } from '../examination/compare.js';
import { fewestForInterval } from '../examination/bins.js';
import type { ComparedBins } from '../examination/compared-bins.js';
import type { ComparedRun } from '../examination/compared-runs.js';
import { dataTables } from '../page/data-table-script.js';
import { type Content, html } from '../page/html.js';
import { page, type Section } from '../page/page.js';
import { describeTestSet } from '../examination/scored-sentences.js';
import { comparedBins } from './compared-bins.js';
import { comparedScores } from './compared-scores.js';
import { comparedSentences } from './compared-sentences.js';
import { comparedCurves, differentConfigurations } from './compared-training.js';
import { compared, example, extraMark, type Languages, languagesOf, text } from './sentence.js';

const shown = 10;
/** The languages of translation files are not known. */
const unknown: Languages = { source: undefined, target: undefined };

/** What a page of a comparison shows besides the scores. */
export interface ComparedParts {
  readonly bins: ComparedBins;
  /** The systems that are runs. */
  readonly runs: readonly ComparedRun[];
  /** How they found their translations: `beam 5`. */
  readonly search?: string | undefined;
}

/** Scores of several systems with intervals and tests, the differences between their runs, and the sentences on which they differ most. */
export function comparePage(comparison: Comparison, { bins, runs, search }: ComparedParts): Promise<string> {
  const { testSet, systems } = comparison;
  const [first, ...others] = systems;
  const [run] = runs;
  const languages = run === undefined ? unknown : languagesOf(run.configuration);
  const sections: (Section | undefined)[] = [
    {
      id: 'scores',
      title: 'Scores',
      lead: `${describeTestSet(testSet)}${run === undefined || search === undefined ? '' : `; runs translate with ${search}`}. p is the probability of so large a difference from ${first?.name} between equally good systems: paired bootstrap resampling (Koehn 2004) with 1,000 samples, as in sacreBLEU, not corrected for the number of systems.`,
      body: comparedScores(comparison),
    },
    {
      id: 'parts',
      title: 'Long sentences, rare words',
      lead: `Each bin is scored as a separate test set. Bins of fewer than ${fewestForInterval} sentences have no interval: their scores are not meaningful.`,
      body: comparedBins(
        bins,
        systems.map(({ name }) => name),
      ),
    },
    runs.length < 2 ? undefined : { id: 'training', title: 'Training', body: comparedCurves(runs) },
    runs.length < 2
      ? undefined
      : {
          id: 'configuration',
          title: 'Configurations',
          lead: 'Only the keys that differ.',
          body: differentConfigurations(runs),
        },
    ...others.map(({ name }, index) => ({
      id: `differences-${index + 1}`,
      title: `${name} compared with ${first?.name}`,
      body: differing(comparison, index + 1, languages),
    })),
    {
      id: 'sentences',
      title: 'All sentences',
      lead: 'chrF is the sentence score.',
      body: [html`<p class="note">${extraMark}</p>`, comparedSentences(comparison, languages)],
    },
  ];
  return page({
    title: `${systems.length} systems compared`,
    lead: systems.map(({ name }) => name).join(' · '),
    sections: sections.filter((section) => section !== undefined),
    scripts: [dataTables],
  });
}

/** The sentences on which one system gains and loses most compared with the first. */
function differing(comparison: Comparison, system: number, languages: Languages): Content {
  const { sentenceScores, testSet, systems } = comparison;
  const [baseline] = sentenceScores;
  const gain = (sentence: number) => (sentenceScores[system]?.[sentence] ?? 0) - (baseline?.[sentence] ?? 0);
  const order = [...testSet.sources.keys()].filter((sentence) => gain(sentence) !== 0).sort((a, b) => gain(b) - gain(a) || a - b);
  const better = order.filter((sentence) => gain(sentence) > 0);
  const worse = order.filter((sentence) => gain(sentence) < 0).reverse();
  const same = testSet.sources.filter((_, sentence) => systems[0]?.hypotheses[sentence] === systems[system]?.hypotheses[sentence]).length;
  const list = (title: string, sentences: readonly number[]) =>
    sentences.length === 0
      ? undefined
      : html`<h3>${title}</h3>${sentences.slice(0, shown).map((sentence) => one(comparison, system, sentence, languages))}`;
  return [
    html`<p>By sentence chrF, ${better.length.toLocaleString('en')} translations are better and ${worse.length.toLocaleString('en')} are worse;
${same.toLocaleString('en')} of ${testSet.sources.length.toLocaleString('en')} are identical.</p>`,
    html`<p class="note">${extraMark}</p>`,
    list('Largest gains', better),
    list('Largest losses', worse),
  ];
}

function one({ testSet, systems, sentenceScores }: Comparison, system: number, sentence: number, { source, target }: Languages): Content {
  const references = testSet.references.map((set) => set[sentence] ?? '');
  const score = (index: number) => (sentenceScores[index]?.[sentence] ?? 0).toFixed(1);
  return example(`line ${sentence + 1} · chrF ${score(0)} to ${score(system)}`, [
    { name: 'source', body: text(testSet.sources[sentence], source) },
    {
      name: references.length === 1 ? 'reference' : 'references',
      body: references.map((reference) => text(reference, target)),
    },
    ...[0, system].map((index) => ({
      name: systems[index]?.name ?? '',
      body: compared(references, systems[index]?.hypotheses[sentence] ?? '', target).translation,
    })),
  ]);
}
