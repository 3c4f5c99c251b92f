import { readDescription } from '../checkpoint/model-files.js';
import { DecadeError } from '../core/errors.js';
import { type LoadedModel, openModels } from '../loaded-model.js';
import type { KernelBuilds } from '../tensor/kernels/load.js';
import { type Control, give, take } from './ports.js';
import { type ModelRequest, sentResult } from './requests.js';
import { browserRuntime } from './runtime.js';

let model: LoadedModel | undefined;

/** The worker of a page: one model, from loading to the end of the worker. */
export function serveModel(kernels: KernelBuilds): void {
  addEventListener('message', ({ data }: MessageEvent<ModelRequest>) => give(data.answers, (control) => answer(data, control, kernels)));
}

async function* answer(request: ModelRequest, control: Control, kernels: KernelBuilds): AsyncGenerator<unknown, void, undefined> {
  if (request.kind === 'load') {
    model = await open(request, kernels);
    yield undefined;
    return;
  }
  if (model === undefined) throw new Error('a request before the model was loaded');
  const options = { ...request.options, ...control };
  if (request.kind === 'translate') yield (await model.translate(request.lines, options)).map(sentResult);
  else for await (const result of model.translateStream(take(request.lines), options)) yield sentResult(result);
}

async function open({ runs, options }: Extract<ModelRequest, { kind: 'load' }>, kernels: KernelBuilds): Promise<LoadedModel> {
  const { devices = 1 } = options;
  if (devices !== 1) throw new DecadeError('usage', { where: 'devices', received: String(devices), allowed: '1 in a browser' });
  const runtime = browserRuntime(kernels);
  return openModels(runtime, runs, options, async (path) => {
    const described = await readDescription(runtime.files, path);
    if (described !== undefined) return described;
    throw new DecadeError('input', {
      where: path,
      received: 'no model.json of decade',
      allowed: 'the URL of a run directory, as `decade train` makes',
      next: 'check the URL; a run of an older decade gets its model.json from `decade train CONFIG.yaml --out RUN --resume`',
    });
  });
}
