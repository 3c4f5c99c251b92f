import { duration } from '../core/duration.js';
import type { ReproduceEvent } from '../experiments/carry-out.js';
import type { Cost } from '../experiments/cost.js';
import { perplexityWritten } from '../experiments/learning.js';
import type { TrainingEvent } from '../training/events.js';
import { figure, ProgressBar } from './progress.js';
import { say } from './terminal.js';
import { showTraining } from './training-progress.js';

/** A predicted cost, as lines for people. */
export function describeCost({ trainings, uses, unknown, trainingSeconds, usingSeconds, wordsPerSecond }: Cost, out: string): string[] {
  const tokens = trainings.reduce((sum, training) => sum + training.tokens, 0);
  return [
    `Trainings   ${trainings.length}${trainings.length === 0 ? '' : ` (${states(trainings)}), of ${sizesOf(trainings)} parameters`}, in ${out}`,
    ...wordsPerSecond.map(({ network, wordsPerSecond: speed }) => `Speed       ${figure(speed)} words/s measured here: ${network}`),
    ...(['translate', 'list', 'score'] as const).flatMap((kind) => {
      const these = uses.filter((use) => use.kind === kind);
      if (these.length === 0) return [];
      const seconds = these.reduce((sum, use) => sum + use.seconds, 0);
      return [`${useNames[kind].padEnd(12)}${these.length} (${states(these)}), about ${duration(seconds)}`];
    }),
    `Time        about ${duration(trainingSeconds)} to train on ${figure(tokens)} tokens, ${duration(usingSeconds)} for translations and scores; validation and resampling are not included`,
    ...Array.from(new Set(unknown.map(({ what, why }) => `${what}: ${why}`)), (text) => `Unknown     ${text}`),
  ];
}

function sizesOf(trainings: Cost['trainings']): string {
  const sizes = trainings.map(({ parameters }) => parameters);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  return least === most ? figure(least) : `${figure(least)} to ${figure(most)}`;
}

const useNames = { translate: 'Translating', list: 'N-best', score: 'Scoring' } as const;

/** `2 done, 1 started, 3 to do` */
function states(of: readonly { readonly state: 'done' | 'begun' | 'new' }[]): string {
  const count = (state: 'done' | 'begun' | 'new') => of.filter((one) => one.state === state).length;
  const [done, begun] = [count('done'), count('begun')];
  return [...(done > 0 ? [`${done} done`] : []), ...(begun > 0 ? [`${begun} started`] : []), `${count('new')} to do`].join(', ');
}

/** Shows the progress of a laboratory on standard error. */
export function showLaboratory(out: string) {
  let training: { run: string; shown: ReturnType<typeof showTraining> } | undefined;
  let using = new ProgressBar();
  let [over, all, isKnown] = [0, 0, true];
  /** Most trainings share their corpora, of which each is described once. */
  const described = new Set<string>();
  const isNew = (event: TrainingEvent): boolean => {
    if (event.kind !== 'corpus') return true;
    const description = JSON.stringify(event);
    const isFirst = !described.has(description);
    described.add(description);
    return isFirst;
  };
  const endTraining = () => {
    training?.shown.end();
    training = undefined;
  };
  const line = (text: string) => {
    using.end();
    using = new ProgressBar();
    say(text);
  };
  return {
    onEvent: (event: ReproduceEvent): void => {
      switch (event.kind) {
        case 'cost':
          all = over + event.cost.trainings.length;
          isKnown = event.cost.unknown.length === 0;
          for (const text of describeCost(event.cost, out)) line(text);
          break;
        case 'training':
          if (training?.run !== event.run) {
            endTraining();
            line(`Training ${over + 1}${isKnown ? ` of ${all}` : ''}: ${event.run}`);
            training = { run: event.run, shown: showTraining({ log: false }) };
          }
          if (isNew(event.event)) training.shown.onEvent(event.event);
          break;
        case 'trained': {
          endTraining();
          over++;
          const { name, perplexity, diverged, seconds } = event.run;
          const reached = perplexityWritten({ perplexity, diverged });
          line(
            `  ${name}: ${diverged === undefined ? `dev perplexity ${reached}` : reached}${event.skipped ? ', already trained' : ` after ${duration(seconds)}`}`,
          );
          break;
        }
        case 'using':
          using.update({
            label: `${event.label} with ${event.runs.length === 1 ? event.runs[0] : `${event.runs.length} models`}`,
            fraction: event.fraction,
            figures: [],
          });
          break;
      }
    },
    end: () => {
      endTraining();
      using.end();
    },
  };
}
