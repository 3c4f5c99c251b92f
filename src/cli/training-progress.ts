import { describeReport } from '../data/filter.js';
import type { TrainingEvent } from '../training/events.js';
import { figure, Progress } from './progress.js';
import { warn } from './warning.js';

/** Shows a training's events on standard error: the log's lines (`log`), and how far it is. */
export function showTraining({ log }: { log: boolean }): { onEvent(event: TrainingEvent): void; end(): void } {
  const progress = new Progress();
  const onEvent = (event: TrainingEvent): void => {
    switch (event.kind) {
      case 'tokenizers':
        return progress.update({ label: 'learning a vocabulary', figures: [`${figure(event.lines)} lines`] });
      case 'tokenizing':
        return progress.update({ label: `reading the ${event.part} corpus`, figures: [`${figure(event.lines)} lines`] });
      case 'corpus':
        return !log && event.report.kept < event.report.read
          ? progress.line(`${event.part} corpus: ${describeReport(event.report)}`)
          : undefined;
      case 'resumed':
        return progress.line(`resumed at update ${figure(event.step)}`);
      case 'update':
        return progress.update({
          label: 'training',
          fraction: event.fraction,
          remainingSeconds: event.remainingSeconds,
          figures: [`loss ${event.loss.toFixed(3)}`, `${figure(event.wordsPerSecond)} words/s`],
        });
      case 'log':
        return log ? progress.line(event.line) : undefined;
      case 'warning':
        return warn(new Error(event.message), progress);
      default:
        return undefined;
    }
  };
  return { onEvent, end: () => progress.end() };
}
