import type { Examination } from '../examination/examine.js';
import { isCounted } from '../../models/create.js';
import { isText } from '../../data/sources.js';
import { dataTables } from '../page/data-table-script.js';
import { html } from '../page/html.js';
import { figures, page, type Section } from '../page/page.js';
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
import { languagesOf, sentenceColumns, text as inOwnDirection } from './sentence.js';
import { allLines, describeExaminedText, likelyLines, positionPlot, samples, textScores, words } from './text.js';

/**
 * The examination of a run as one page.
 *
 * @param command  the command line that wrote it
 */
export function reportPage(examination: Examination, command: readonly string[]): Promise<string> {
  const { run, test, text, groups, record, configuration, configurationText, corpora, missing } = examination;
  const languages = languagesOf(configuration);
  const sections: (Section | undefined)[] = [
    missing.length === 0
      ? undefined
      : { id: 'missing', title: 'Missing', body: html`<ul class="missing">${missing.map((text) => html`<li>${text}</li>`)}</ul>` },
    test?.scored && {
      id: 'scores',
      title: 'Scores',
      lead: `${describeTestSet(test)}, ${test.search}. Intervals are 95 % bootstrap intervals from 1,000 samples of the test set.`,
      body: [scores(test.scored, test), figure3(test.scored), distributions(test)],
    },
    text && {
      id: 'scores',
      title: 'Scores',
      lead: `${describeExaminedText(text)}. Every token has at least half a context before it. The interval is a 95 % bootstrap interval from 1,000 samples of the lines.`,
      body: textScores(text),
    },
    // One reading has no course.
    isCounted(configuration.model) ? undefined : { id: 'training', title: 'Training', body: curves([{ name: run, record }]) },
    text && { id: 'positions', title: 'Context', body: figures(positionPlot([{ ...text, name: run }])) },
    text && {
      id: 'samples',
      title: 'Samples',
      lead: 'What the model writes after nothing; the same seed gives the same text.',
      body: samples(text.samples),
    },
    text && { id: 'likely', title: 'Likely and unlikely lines', body: likelyLines(text) },
    text && {
      id: 'lines',
      title: 'All lines',
      lead: 'Log-probabilities are natural logarithms (nats).',
      body: allLines(text),
    },
    text && {
      id: 'text-words',
      title: 'Words',
      lead: 'Without marks at their ends; those that take most bits in all first.',
      body: words(text),
    },
    test && {
      id: 'translations',
      title: 'Translations',
      lead: test.scored === undefined ? `${describeTestSet(test)}, without references; ${test.search}.` : undefined,
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
    text &&
      text.attention.length > 0 && {
        id: 'attention',
        title: 'Attention',
        lead: 'The tokens (columns) that the model attended to for each token (rows); each line read by itself.',
        body: attention(
          text.attention.map(({ line, text: own, views }) => ({
            name: `line ${line}`,
            text: own,
            columns: [{ name: '', body: inOwnDirection(own) }],
            views,
          })),
        ),
      },
    test &&
      test.attention.length > 0 && {
        id: 'attention',
        title: 'Attention',
        lead: 'The tokens (columns) that the model attended to for each token (rows).',
        body: attention(
          test.attention.map(({ sentence, views }) => ({
            name: `line ${sentence + 1}`,
            text: test.sources[sentence] ?? '',
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

function summary({ parameters, configuration, model, modelMetadata, test, text }: Examination): string {
  const { data } = configuration;
  const parts = [
    ...(isText(data.train) ? [] : [`${data.source} to ${data.target}`]),
    model.description,
    `${parameters.toLocaleString('en')} parameters`,
    ...(modelMetadata?.step === undefined ? [] : [`model of update ${Number(modelMetadata.step).toLocaleString('en')}`]),
    ...(text === undefined ? [] : [`${text.total.bitsPerByte.toFixed(3)} bits per byte`]),
    ...(test?.scored === undefined ? [] : test.scored.scores.map(({ label, score }) => `${label} ${score.toFixed(1)}`)),
  ];
  return parts.join(' · ');
}
