import { loadWeights, type ModelDescription, readModelTokenizers } from './checkpoint/model-files.js';
import { DecadeError } from './core/errors.js';
import type { ReadableFiles } from './core/files.js';
import { ensemble } from './decoding/ensemble.js';
import { TextGenerator } from './decoding/generation/generator.js';
import { LocalDecodingExecutor } from './decoding/local-executor.js';
import { type DecodingDefaults, decodingDefaults, resolveDecodingOptions } from './decoding/options.js';
import { Translator } from './decoding/translator.js';
import { createModel } from './models/create.js';
import type { StepModel } from './models/model.js';
import { sharedModel } from './parallel/decoding/messages.js';
import { ElasticDecodingExecutor } from './parallel/decoding/elastic.js';
import { ModelMemories } from './parallel/decoding/model-memories.js';
import { checkedDevices, type InferenceRuntime } from './parallel/runtime.js';
import { requireLoadOptions } from './training/request-options.js';
import { hasSource, LoadedModel, type LoadOptions, type Member, type NodeUses } from './loaded-model.js';

/** Tokens of a prompt that leave room for one more and `</s>`. */
function promptRoom({ lengthLimits }: StepModel): number {
  return lengthLimits === undefined ? Infinity : Math.max(1, lengthLimits.target(0) - 2);
}

/**
 * Opens trained models. Runs no code from them and checks every size before it allocates.
 *
 * @param runs      a run directory; several form an ensemble and need the same tokenizers
 * @param options   defaults for every translation
 * @param describe  reads the model of the run at a path
 * @param nodeUses  nothing in a page
 * @throws DecadeError `input` for a directory that is not a run or is damaged
 */
export async function openModels(
  runtime: InferenceRuntime,
  runs: string | readonly string[],
  { gemm, devices: wanted, untrained = false, ...options }: LoadOptions,
  describe: (path: string) => Promise<ModelDescription>,
  nodeUses: NodeUses = {},
): Promise<LoadedModel> {
  requireLoadOptions(runs, { gemm, devices: wanted, untrained });
  resolveDecodingOptions(options);
  const devices = checkedDevices(runtime, wanted);
  const memories = new ModelMemories(runtime, gemm);
  try {
    const members: Member[] = [];
    for (const path of typeof runs === 'string' ? [runs] : runs) {
      members.push(await openMember(runtime.files, path, await describe(path), memories, untrained));
    }
    const together = ensemble(members);
    const local = LocalDecodingExecutor.across(members);
    const executor = new ElasticDecodingExecutor({
      runtime,
      local,
      members: members.map(({ model, modelOptions, device, integers }) => sharedModel(model, modelOptions, device.memory, integers)),
      others: runtime.ranks && nodeUses.decodersOfRanks?.(runtime.ranks, { members, gemm, devices: wanted }),
      gemm,
      devices: runtime.sharedMemory ? devices : 1,
      rowCost: members.reduce((sum, { model }) => sum + Math.max(model.parameters.costs.source, model.parameters.costs.target), 0),
    });
    const release = () => executor.dispose().then(() => memories.release());
    const does = hasSource(together)
      ? { translator: new Translator(together, executor, { ...together.decoding, ...options }), generator: undefined }
      : { translator: undefined, generator: new TextGenerator(together.targetTokenizer, executor, local, promptRoom(together.model)) };
    return new LoadedModel({ members, executor, local, ...does, nodeUses, release });
  } catch (error) {
    await memories.release();
    throw error;
  }
}

async function openMember(
  files: ReadableFiles,
  path: string,
  described: ModelDescription,
  memories: ModelMemories,
  untrained: boolean,
): Promise<Member> {
  const { source, target, sourceWords } = await readModelTokenizers(files, path, described);
  const decoding = decodingOf(path, described);
  const model = createModel(described.model, described.vocabularies);
  const device = await memories.deviceFor(model.parameters);
  let integers = false;
  if (untrained) {
    model.parameters.allocate(device.memory);
    model.parameters.initialise(described.seed);
  } else {
    ({ integers } = await loadWeights(files, path, described.weights, model.parameters, device.memory));
  }
  const { model: modelOptions, context } = described;
  return {
    name: path,
    model,
    device,
    integers,
    modelOptions,
    context,
    decoding,
    sourceTokenizer: source,
    targetTokenizer: target,
    sourceWords,
  };
}

function decodingOf(path: string, { decoding = {} }: ModelDescription): DecodingDefaults {
  const parsed = decodingDefaults.safeParse(decoding);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new DecadeError('input', {
    where: `${path}: ${['decoding', ...(issue?.path ?? [])].join('.')}`,
    received: 'options that are not allowed',
    allowed: Object.keys(decodingDefaults.shape).join(', '),
    next: 'copy the run again',
  });
}
