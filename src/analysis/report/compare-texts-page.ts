import type { ComparedText } from '../examination/compared-texts.js';
import { type Content, html } from '../page/html.js';
import { page, table } from '../page/page.js';
import { comparedCurves, differentConfigurations } from './compared-training.js';

/** Language models beside each other: what they came to, how they got there, what they differ in. */
export function compareTextsPage(runs: readonly ComparedText[]): Promise<string> {
  return page({
    title: `${runs.length} language models compared`,
    lead: runs.map(({ name }) => name).join(' · '),
    sections: [
      {
        id: 'scores',
        title: 'Dev text',
        lead: 'The best validation of each. Perplexities compare models with the same tokens, bits per byte also others; all of them on the same dev text only.',
        body: scores(runs),
      },
      { id: 'training', title: 'Training', body: comparedCurves(runs) },
      {
        id: 'configuration',
        title: 'Configurations',
        lead: 'The keys that differ; all others are the same.',
        body: differentConfigurations(runs),
      },
    ],
  });
}

function scores(runs: readonly ComparedText[]): Content {
  const figure = (value: number | undefined, digits: number) => (value === undefined ? '' : value.toFixed(digits));
  const silent = runs.filter(({ best }) => best === undefined);
  return [
    table(
      ['run', 'bits per byte', 'perplexity per token', 'perplexity per word', 'update'],
      runs.map(({ name, best }) => [
        name,
        figure(best?.bitsPerByte, 4),
        figure(best?.perplexity, 3),
        figure(best?.wordPerplexity, 2),
        best === undefined ? '' : best.steps.toLocaleString('en'),
      ]),
    ),
    silent.length === 0 ? undefined : html`<p class="missing">Not validated: ${silent.map(({ name }) => name).join(', ')}.</p>`,
  ];
}
