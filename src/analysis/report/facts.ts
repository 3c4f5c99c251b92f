import { commandLine, shellWord } from '../../core/shell.js';
import type { CorpusFacts } from '../examination/corpus-facts.js';
import type { Examination } from '../examination/examine.js';
import { isText } from '../../data/sources.js';
import { type Content, html } from '../page/html.js';
import { table } from '../page/page.js';

/** What the run was trained on, and what it was tried on. */
export function dataFacts(corpora: readonly CorpusFacts[]): Content {
  if (corpora.length === 0) return html`<p class="missing">No corpus could be read.</p>`;
  const figure = (value: number) => value.toLocaleString('en');
  return table(
    ['corpus', 'sentences', 'unusable lines', 'side', 'words', 'distinct words', 'words per sentence', 'longest'],
    corpora.flatMap(({ name, pairs, unusable, source, target, isPart }) =>
      (['source', 'target'] as const).flatMap((side) => {
        const facts = { source, target }[side];
        if (facts === undefined) return [];
        const { words, distinctWords, longest } = facts;
        const isFirst = side === 'source' || source === undefined;
        const documents = `${figure(pairs)} ${pairs === 1 ? 'document' : 'documents'}`;
        const row = [
          isFirst ? name : '',
          isFirst ? `${isPart ? 'the first ' : ''}${source === undefined ? documents : figure(pairs)}` : '',
          isFirst ? figure(unusable) : '',
          source === undefined ? 'text' : side,
          figure(words),
          figure(distinctWords),
          (words / Math.max(1, pairs)).toFixed(1),
          figure(longest),
        ];
        return [row];
      }),
    ),
  );
}

/** The commands that make this again and go on from here. */
export function commands({ run, test, configuration }: Examination, command: readonly string[]): Content {
  const quoted = shellWord(run);
  const lines = [
    ['train again', `decade train ${shellWord(`${run}/config.yaml`)} --out ${shellWord(`${run}-again`)}`],
    isText(configuration.data.train)
      ? ['score a text', `decade score -m ${quoted} --text FILE`]
      : ['translate standard input', `decade translate -m ${quoted}`],
    ...(test === undefined ? [] : [['evaluate', `decade evaluate -m ${quoted} --source SOURCE --references REFERENCES`]]),
    ['write this page', commandLine(command)],
  ];
  return html`<pre>${lines.map(([what, line]) => `# ${what}\n${line}`).join('\n\n')}</pre>`;
}
