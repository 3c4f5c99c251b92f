import type { ProgressBar } from './progress.js';
import { say } from './terminal.js';

/** One line on standard error about a problem that did not stop the work. */
export function warn(warning: Error, progress?: Pick<ProgressBar, 'line'>): void {
  const line = `decade: warning: ${warning.message.replace(/\s*\n\s*/g, ' ')}`;
  if (progress === undefined) say(line);
  else progress.line(line);
}
