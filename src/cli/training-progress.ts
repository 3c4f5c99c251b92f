import { isUnbegun } from '../checkpoint/run-files.js';
import { describeCorpus, type ReadingProgress } from '../data/corpus.js';
import { isIncomplete } from '../data/filter.js';
import type { TrainingEvent } from '../training/events.js';
import { nodeFiles } from '../node/files/files.js';
import { Interrupted } from './interruption.js';
import { figure, ProgressBar } from './progress.js';
import { warn } from './warning.js';

/** A training as it is shown. */
export interface ShownTraining {
  onEvent(event: TrainingEvent): void;
  end(): void;
  /** What a signal would make it do now, for `interruptible`. */
  readonly announcement: string;
}

/** Shows the events of a training on standard error: log lines (`log`) and progress. */
export function showTraining({ log }: { log: boolean }): ShownTraining {
  const progress = new ProgressBar();
  let announcement = 'finishing the update and saving a checkpoint; repeat to stop at once';
  const onEvent = (event: TrainingEvent): void => {
    switch (event.kind) {
      case 'tokenizers':
        progress.update({ label: 'learning a vocabulary', figures: [amountOf(event)] });
        break;
      case 'tokenizing':
        progress.update({ label: `reading the ${event.part} corpus`, figures: [amountOf(event)] });
        break;
      case 'corpus':
        if (isIncomplete(event.report)) progress.line(`${event.part} corpus: ${describeCorpus(event)}`);
        break;
      case 'initialised':
        progress.line(event.message);
        break;
      case 'resumed':
        progress.line(`resumed at update ${figure(event.step)}`);
        break;
      case 'counting':
        announcement = 'stopping; what was counted is not kept';
        progress.update({ label: event.stage ?? 'counting', fraction: event.fraction, figures: [] });
        break;
      case 'update':
        progress.update({
          label: 'training',
          fraction: event.fraction,
          remainingSeconds: event.remainingSeconds,
          figures: [`loss ${event.loss.toFixed(3)}`, `${figure(event.wordsPerSecond)} words/s`],
        });
        break;
      case 'log':
        if (log) progress.line(event.line);
        break;
      case 'warning':
        warn(new Error(event.message), progress);
        break;
    }
  };
  return {
    onEvent,
    end: () => progress.end(),
    get announcement() {
      return announcement;
    },
  };
}

function amountOf(progress: ReadingProgress): string {
  return 'bytes' in progress ? `${figure(progress.bytes)} bytes` : `${figure(progress.lines)} lines`;
}

/** The message after a signal: how to continue depends on whether there is a checkpoint. */
export async function interruptedTraining(out: string, saved: string): Promise<Interrupted> {
  const isBegun = (await nodeFiles.kind(out)) === 'directory' && !(await isUnbegun(nodeFiles, out));
  return new Interrupted(
    isBegun ? `${saved}; continue with --resume` : 'stopped before there was anything to save; the same command starts again',
  );
}
