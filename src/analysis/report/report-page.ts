import type { Examination } from '../examination/examine.js';
import { isText } from '../../data/sources.js';
import { dataTables } from '../page/data-table-script.js';
import { html } from '../page/html.js';
import { page, type Section } from '../page/page.js';
import { describeTestSet } from '../examination/scored-sentences.js';
import { allSentences } from './all-sentences.js';
import { attention } from './attention.js';
import { chooseHead } from './attention-script.js';
import { curves } from './curves.js';
import { examples } from './examples.js';
import { commands, dataFacts } from './facts.js';
import { groupMaps, sentenceMap } from './map.js';
import { followMap } from './map-script.js';
import { distributions, figure3, scores } from './scores.js';
import { languagesOf, sentenceColumns } from './sentence.js';

/**
 * The examination of a run as one page.
 *
 * @param command  the command line that wrote it
 */
export function reportPage(examination: Examination, command: readonly string[]): Promise<string> {
  const { run, test, groups, record, configuration, configurationText, corpora, missing } = examination;
  const languages = languagesOf(configuration);
  const sections: (Section | undefined)[] = [
    missing.length === 0
      ? undefined
      : { id: 'missing', title: 'Missing', body: html`<ul class="missing">${missing.map((text) => html`<li>${text}</li>`)}</ul>` },
    test?.scored && {
      id: 'scores',
      title: 'Scores',
      lead: `${describeTestSet(test)}, beam ${test.beam}. Intervals are 95 % bootstrap intervals from 1,000 samples of the test set.`,
      body: [scores(test.scored, test), figure3(test.scored), distributions(test)],
    },
    { id: 'training', title: 'Training', body: curves([{ name: run, record }]) },
    test && {
      id: 'translations',
      title: 'Translations',
      lead: test.scored === undefined ? `${describeTestSet(test)}, without references; beam ${test.beam}.` : undefined,
      body: [test.scored === undefined ? distributions(test) : undefined, examples(test, languages)],
    },
    test && {
      id: 'sentences',
      title: 'All sentences',
      lead: 'Log-probabilities are natural logarithms (nats), of the whole translation and per token; chrF and BLEU are sentence scores.',
      body: allSentences(test, languages),
    },
    (test?.map !== undefined || groups.length > 0) && {
      id: 'map',
      title: 'Map of sentence vectors',
      lead: `The two principal components of ${test?.map?.description ?? groups[0]?.description ?? 'the sentence vectors'}: nearby sentences look similar to the decoder. Both axes have the same scale.`,
      body: [groupMaps(groups), test && sentenceMap(test)],
    },
    test &&
      test.attention.length > 0 && {
        id: 'attention',
        title: 'Attention',
        lead: 'The tokens (columns) that the model attended to for each token (rows).',
        body: attention(
          test.attention.map(({ sentence, views }) => ({
            name: `line ${sentence + 1}`,
            columns: sentenceColumns(test, sentence, languages),
            views,
          })),
        ),
      },
    { id: 'data', title: 'Data', lead: 'Word counts ignore punctuation and case.', body: dataFacts(corpora) },
    { id: 'configuration', title: 'Configuration', body: html`<pre>${configurationText}</pre>` },
    { id: 'commands', title: 'Commands', body: commands(examination, command) },
  ].map((section) => section || undefined);
  return page({
    title: `Report on ${run}`,
    lead: summary(examination),
    sections: sections.filter((section) => section !== undefined),
    scripts: [dataTables, followMap, chooseHead],
  });
}

function summary({ parameters, configuration, model, modelMetadata, test }: Examination): string {
  const { data } = configuration;
  const parts = [
    ...(isText(data.train) ? [] : [`${data.source} to ${data.target}`]),
    model.description,
    `${parameters.toLocaleString('en')} parameters`,
    ...(modelMetadata?.step === undefined ? [] : [`model of update ${Number(modelMetadata.step).toLocaleString('en')}`]),
    ...(test?.scored === undefined ? [] : test.scored.scores.map(({ label, score }) => `${label} ${score.toFixed(1)}`)),
  ];
  return parts.join(' · ');
}
