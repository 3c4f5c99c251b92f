import { readDescription } from '../checkpoint/model-files.js';
import { DecadeError } from '../core/errors.js';
import type { ReadableFiles } from '../core/files.js';
import type { LoadedModel } from '../loaded-model.js';
import { openModels } from '../open-models.js';
import { runDecodingThread } from '../parallel/decoding/device-thread.js';
import type { KernelBuilds } from '../tensor/kernels/load.js';
import { devicePort, isDevice } from './device-threads.js';
import type { LoadProgress } from './download.js';
import { modelStore } from './model-store.js';
import { openSources } from './opened-sources.js';
import { type Control, give, take } from './ports.js';
import { type LoadAnswer, type ModelRequest, optionsWith } from './requests.js';
import { browserPlatform } from './runtime.js';

type Asked<Kind extends ModelRequest['kind']> = Extract<ModelRequest, { kind: Kind }>;

/** The worker of a page: one model, from loading to the end of the worker; or one of its devices. */
export function serveModel(kernels: KernelBuilds): void {
  if (isDevice()) {
    runDecodingThread(devicePort(browserPlatform(kernels, 1)));
    return;
  }
  let model: LoadedModel | undefined;
  async function* answer(request: ModelRequest, control: Control): AsyncGenerator<unknown, void, undefined> {
    if (request.kind === 'call') yield* answersOf(model, request, control);
    else {
      const opened = await open(request, control, kernels);
      model = opened.model;
      const { hasSource, hasSentenceVectors } = model;
      yield { hasSource, hasSentenceVectors, warnings: opened.warnings } satisfies LoadAnswer;
    }
  }
  addEventListener('message', ({ data }: MessageEvent<ModelRequest>) => give(data.answers, (control) => answer(data, control)));
}

/** Of a stream its items, of any other call its result. */
async function* answersOf(
  model: LoadedModel | undefined,
  request: Asked<'call'>,
  control: Control,
): AsyncGenerator<unknown, void, undefined> {
  if (model === undefined) throw new Error('a request before the model was loaded');
  const input = request.input instanceof MessagePort ? take(request.input) : request.input;
  // The types were those of the same method on the other side.
  const method = model[request.method] as (input: unknown, second: object) => unknown;
  const result = method.call(model, input, request.of ?? optionsWith(request, control));
  if (isStream(result)) yield* result;
  else yield await result;
}

function isStream(result: unknown): result is AsyncGenerator<unknown> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result;
}

async function open(
  { sources, options, threads, cache, listeners }: Asked<'load'>,
  { signal, tell }: Control,
  kernels: KernelBuilds,
): Promise<{ readonly model: LoadedModel; readonly warnings: readonly DecadeError[] }> {
  if (options.devices !== undefined) {
    throw new DecadeError('usage', { where: 'devices', received: String(options.devices), allowed: 'threads, in a browser' });
  }
  const warnings: DecadeError[] = [];
  const { files, runs } = await openSources(sources, {
    store: cache ? modelStore() : undefined,
    warn: (warning) => warnings.push(warning),
    signal,
    onProgress: listeners.includes('onProgress') ? (progress: LoadProgress) => tell('onProgress', progress) : undefined,
  });
  const runtime = { ...browserPlatform(kernels, threads), files };
  const model = await openModels(runtime, runs, { ...options, devices: threads }, (path) => describe(files, path));
  return { model, warnings };
}

async function describe(files: ReadableFiles, path: string) {
  const described = await readDescription(files, path);
  if (described !== undefined) return described;
  throw new DecadeError('input', {
    where: path,
    received: 'no model.json of decade',
    allowed: 'the URL of a run directory, as `decade train` makes, or of a packed model (NAME.decade)',
    next: 'check the URL; a run of an older decade gets its model.json from `decade train CONFIG.yaml --out RUN --resume`',
  });
}
