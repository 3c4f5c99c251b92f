import { DecadeError } from '../core/errors.js';
import { load } from '../load.js';
import type { LoadedModel } from '../loaded-model.js';
import { nodeRuntime } from '../node/runtime.js';
import type { Runtime } from '../parallel/runtime.js';
import type { DeviceChoice } from './arguments.js';

/**
 * The model or ensemble of `-m`, which may be repeated. Rejects with the signal's reason as soon as the signal aborts, since nothing
 * has to be saved.
 */
export async function openModel(
  named: readonly string[],
  { gemm, devices }: DeviceChoice,
  signal: AbortSignal,
  runtime: Runtime = nodeRuntime,
): Promise<LoadedModel> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
  const runs = await Promise.all(named.map(runsNamed));
  return Promise.race([load(runtime, runs.flat(), { gemm, devices }), aborted]);
}

/** The text itself if a run has this name, including commas; otherwise the names between the commas. */
export async function runsNamed(text: string): Promise<string[]> {
  if (!text.includes(',') || (await exists(text))) return [text];
  return Promise.all(
    text.split(',').map(async (part) => {
      if (part !== '' && (await exists(part))) return part;
      const trimmed = part.trim();
      if (trimmed !== '') return trimmed;
      throw new DecadeError('usage', {
        where: `--model ${text}`,
        received: 'an empty name between commas',
        allowed: 'run directories, packed models or their URLs, separated by commas',
      });
    }),
  );
}

async function exists(path: string): Promise<boolean> {
  return (await nodeRuntime.files.kind(path)) !== 'missing';
}
