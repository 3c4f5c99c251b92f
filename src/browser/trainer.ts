import { hasRelaxedSimd } from '../tensor/kernels/relaxed-simd.js';
import { Engine } from './engine.js';
import type { TakeOptions } from './ports.js';
import type { TrainerRequest } from './requests.js';

/** The answer of a worker that has all of the library, to train and to pack; it is started for this request and ends with it. */
export async function askTrainer<Answer>(request: Unanswered<TrainerRequest>, control: TakeOptions): Promise<Answer> {
  const engine = new Engine(startWorker);
  try {
    return await engine.call<Answer>(request, control);
  } finally {
    await engine.dispose();
  }
}

/** A request but for the port that is made for its answers. */
type Unanswered<Request extends TrainerRequest> = Request extends TrainerRequest ? Omit<Request, 'answers'> : never;

function startWorker(): Worker {
  return hasRelaxedSimd()
    ? new Worker(new URL('./training-worker-relaxed.js', import.meta.url), { type: 'module' })
    : new Worker(new URL('./training-worker.js', import.meta.url), { type: 'module' });
}
