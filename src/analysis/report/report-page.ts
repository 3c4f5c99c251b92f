import type { Examination } from '../examine.js';
import { html } from '../page/html.js';
import { page, type Section } from '../page/page.js';
import { describeTestSet } from '../scored-sentences.js';
import { attention } from './attention.js';
import { curves } from './curves.js';
import { examples } from './examples.js';
import { commands, dataFacts } from './facts.js';
import { groupMaps, sentenceMap } from './map.js';
import { followMap } from './map-script.js';
import { figure3, scores } from './scores.js';

/**
 * All that was found out about a run, as one page.
 *
 * @param command  the command line that asked for it
 */
export function reportPage(examination: Examination, command: readonly string[]): Promise<string> {
  const { run, test, groups, record, configurationText, corpora, missing } = examination;
  const sections: (Section | undefined)[] = [
    missing.length === 0
      ? undefined
      : { id: 'missing', title: 'What is missing', body: html`<ul class="missing">${missing.map((text) => html`<li>${text}</li>`)}</ul>` },
    test && {
      id: 'scores',
      title: 'Scores',
      lead: `${describeTestSet(test)}, beam ${test.beam}. The intervals are those of 1,000 test sets drawn from this one (bootstrap).`,
      body: [scores(test), figure3(test)],
    },
    { id: 'training', title: 'Training', body: curves(record) },
    test && {
      id: 'translations',
      title: 'Translations',
      body: examples(test),
    },
    (test !== undefined || groups.length > 0) && {
      id: 'sentences',
      title: 'Map of sentences',
      lead: `The two principal components of ${test?.map?.description ?? groups[0]?.description ?? 'the sentence vectors'}: sentences that lie close together look alike to the decoder.`,
      body: [groupMaps(groups), test && sentenceMap(test)],
    },
    test &&
      test.attention.length > 0 && {
        id: 'attention',
        title: 'Attention',
        lead: 'What the model looked at (across) while it wrote each token (down).',
        body: attention(test),
      },
    { id: 'data', title: 'Data', lead: 'Words are counted without punctuation and without regard to case.', body: dataFacts(corpora) },
    { id: 'configuration', title: 'Configuration', body: html`<pre>${configurationText}</pre>` },
    { id: 'commands', title: 'Commands', body: commands(examination, command) },
  ].map((section) => section || undefined);
  return page({
    title: `Report on ${run}`,
    lead: summary(examination),
    sections: sections.filter((section) => section !== undefined),
    scripts: [followMap],
  });
}

function summary({ parameters, configuration, modelMetadata, test }: Examination): string {
  const { data, model } = configuration;
  const parts = [
    `${data.source} to ${data.target}`,
    `${model.kind.toUpperCase()}, ${model.layers} ${model.layers === 1 ? 'layer' : 'layers'} of ${model.hidden} cells a side, ${model.attention === 'none' ? 'no' : model.attention} attention`,
    `${parameters.toLocaleString('en')} parameters`,
    ...(modelMetadata?.step === undefined ? [] : [`model of update ${Number(modelMetadata.step).toLocaleString('en')}`]),
    ...(test === undefined ? [] : test.scores.map(({ label, score }) => `${label} ${score.toFixed(1)}`)),
  ];
  return parts.join(' · ');
}
