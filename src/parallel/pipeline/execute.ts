import type { Completion } from './completion.js';
import type { Schedule, Task } from '../schedule/schedule.js';

/**
 * Executes one device's part of a schedule: its tasks in their order, each as soon as what it needs is over on the other
 * devices. `simulate` does the same on paper.
 *
 * @param ended  tasks that every device had ended before this schedule; brought up to date
 * @returns      when each task began and ended, in milliseconds of this thread's clock
 */
export function executeTasks(
  { tasks, orders }: Schedule,
  device: number,
  completion: Completion,
  ended: Int32Array,
  perform: (task: Task) => void,
): Float64Array {
  const places = new Int32Array(tasks.length);
  for (const order of orders) for (const [place, { id }] of order.entries()) places[id] = place + 1;
  const own = orders[device] ?? [];
  const times = new Float64Array(2 * own.length);
  for (const [place, task] of own.entries()) {
    for (const need of task.needs) {
      const { device: other } = tasks[need.task] as Task;
      if (other !== device) completion.wait(other, ((ended[other] as number) + (places[need.task] as number)) | 0);
    }
    times[2 * place] = performance.now();
    perform(task);
    times[2 * place + 1] = performance.now();
    completion.raise(device);
  }
  for (const [other, order] of orders.entries()) (ended[other] as number) += order.length;
  return times;
}
