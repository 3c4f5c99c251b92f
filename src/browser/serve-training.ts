import { type Files, joinPath } from '../core/files.js';
import { memoryFiles } from '../core/memory-files.js';
import { pack } from '../packed/pack-file.js';
import { runDeviceThread } from '../parallel/device-thread.js';
import { train } from '../parallel/train.js';
import type { KernelBuilds } from '../tensor/kernels/load.js';
import type { ConfigurationInput } from '../training/configuration.js';
import type { TrainingEvent } from '../training/events.js';
import { describeRun } from '../training/run-description.js';
import { devicePort, isDevice } from './device-threads.js';
import type { PackedModelFile } from './pack.js';
import { type Control, give } from './ports.js';
import { optionsWith, type RunFiles, type TrainerRequest } from './requests.js';
import { browserPlatform } from './runtime.js';
import { canShareMemory, cores } from './threads.js';
import type { TrainOptions } from './train.js';
import type { TrainedRun } from './trained-run.js';

/** Where the run is in the worker's files, and the one that it begins with. */
const [out, beginning] = ['run', 'init'];

type Asked<Kind extends TrainerRequest['kind']> = Extract<TrainerRequest, { kind: Kind }>;

/** The worker of a page that trains or packs: one run; or one of its devices. */
export function serveTraining(kernels: KernelBuilds): void {
  if (isDevice()) {
    runDeviceThread(devicePort(browserPlatform(kernels, cores())));
    return;
  }
  async function* answer(request: TrainerRequest, control: Control): AsyncGenerator<unknown, void, undefined> {
    yield await (request.kind === 'train' ? trained(request, control, kernels) : packed(request, control));
  }
  addEventListener('message', ({ data }: MessageEvent<TrainerRequest>) => give(data.answers, (control) => answer(data, control)));
}

async function trained(request: Asked<'train'>, control: Control, kernels: KernelBuilds): Promise<TrainedRun> {
  const { configuration, threads, data, files: earlier, init } = request;
  const files = await filesOf([...data, ...within(out, earlier), ...within(beginning, init)]);
  const runtime = { ...browserPlatform(kernels, canShareMemory() ? cores() : 1), files };
  const { onCheckpoint, onEvent, ...asked } = optionsWith(request, control) as TrainOptions;
  const options = {
    ...asked,
    out,
    resume: earlier !== undefined,
    init: init && beginning,
    devices: threads,
    onEvent(event: TrainingEvent) {
      onEvent?.(event);
      if (event.kind === 'checkpoint' && event.step > 0) void modelIn(files).then((saved) => onCheckpoint?.({ files: saved }));
    },
  };
  const summary = await train(runtime, configuration as ConfigurationInput, options);
  return { summary, files: new Map(await blobsIn(files, out)) };
}

async function packed(request: Asked<'pack'>, control: Control): Promise<PackedModelFile> {
  const files = await filesOf(within(out, request.files));
  const name = 'packed.decade';
  const summary = await pack(files, out, { ...optionsWith(request, control), out: name }, describeRun);
  return { ...summary, blob: new Blob([(await files.readBytes(name)) as Uint8Array<ArrayBuffer>]) };
}

function within(directory: string, run: RunFiles = new Map()): [string, Blob][] {
  return Array.from(run, ([name, blob]) => [joinPath(directory, name), blob]);
}

async function filesOf(blobs: readonly (readonly [string, Blob])[]): Promise<Files> {
  const read = async ([path, blob]: readonly [string, Blob]) => [path, new Uint8Array(await blob.arrayBuffer())] as const;
  return memoryFiles(Object.fromEntries(await Promise.all(blobs.map(read))));
}

/** The files of the run that are not in folders: all that is loaded of it. */
async function modelIn(files: Files): Promise<RunFiles> {
  const names = await files.list(out);
  const kinds = await Promise.all(names.map((name) => files.kind(joinPath(out, name))));
  const found = names.filter((_, index) => kinds[index] === 'file');
  return new Map(await Promise.all(found.map(async (name) => [name, await blobOf(files, joinPath(out, name))] as const)));
}

async function blobOf(files: Files, path: string): Promise<Blob> {
  return new Blob([(await files.readBytes(path)) as Uint8Array<ArrayBuffer>]);
}

/** All files below a directory, by their paths in it. Caches of the corpus are made again. */
async function blobsIn(files: Files, directory: string, within = ''): Promise<[string, Blob][]> {
  const found: [string, Blob][] = [];
  for (const name of await files.list(directory)) {
    const [path, key] = [joinPath(directory, name), joinPath(within, name)];
    if ((await files.kind(path)) === 'directory') {
      if (key !== 'cache') found.push(...(await blobsIn(files, path, key)));
    } else found.push([key, await blobOf(files, path)]);
  }
  return found;
}
