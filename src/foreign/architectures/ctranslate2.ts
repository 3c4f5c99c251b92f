import { DecadeError } from '../../core/errors.js';
import { shortened } from '../../core/visible-text.js';
import type { CTranslate2File } from '../containers/ctranslate2-file.js';
import type { Counterpart } from '../counterparts.js';
import type { ForeignModel, TransformerOptionsInput } from '../foreign-model.js';
import type { ForeignVocabulary } from '../foreign-vocabulary.js';
import { type LayerNames, normCounterparts, type PartNames, stackCounterparts, tableCounterpart } from './layer-names.js';
import { positionsOf } from './stored-positions.js';

/** What the files beside `model.bin` say. */
export interface CTranslate2Facts {
  readonly source: ForeignVocabulary | undefined;
  readonly target: ForeignVocabulary;
  /** Of the configuration; null means the default of the kind of norm. */
  readonly epsilon: number | undefined;
  readonly sourceEnd: boolean;
  /** Whether a language model has a start token. */
  readonly beginPrompts: boolean;
}

/** By their numbers. */
const activations: readonly TransformerOptionsInput['activation'][] = ['relu', 'gelu-tanh', 'swish', 'gelu'];
/** Of the specifications that only have a name, heads. */
const headsOf: Readonly<Record<string, number>> = { TransformerBase: 8, TransformerBig: 16 };
const families = ['TransformerBase', 'TransformerBig', 'TransformerSpec', 'TransformerDecoderSpec', 'TransformerDecoderModelSpec'];

/** Options that decade's Transformer has in one way only. */
const required: Readonly<Record<string, number>> = {
  alibi: 0,
  rotary_scaling_type: -1,
  parallel_residual: 0,
  multi_query_attention: 0,
  sliding_window: 0,
};

/** A Transformer as CTranslate2 stores it. */
export async function ctranslate2(file: CTranslate2File, facts: CTranslate2Facts): Promise<ForeignModel> {
  const { specification } = file;
  if (!families.includes(specification)) throw refused(file, `a ${shortened(specification)}`, families.join(', '));
  const layersOf = (side: string) => countLayers(file, side);
  const hasEncoder = layersOf('encoder') > 0;
  const sides = hasEncoder ? (['encoder', 'decoder'] as const) : (['decoder'] as const);
  for (const side of sides) {
    for (const [name, allowed] of Object.entries(required)) {
      const found = await file.option(`${side}/${name}`);
      if (found !== undefined && found !== allowed) throw refused(file, `${side}/${name} ${found}`, `${allowed}`);
    }
  }
  /** One value for both sides. */
  const both = async (name: string, fallback: number): Promise<number> => {
    const values = await Promise.all(sides.map(async (side) => (await file.option(`${side}/${name}`)) ?? fallback));
    const [first = fallback] = values;
    if (values.some((value) => value !== first)) throw refused(file, `${name} ${values.join(' and ')}`, 'the same on both sides');
    return first;
  };
  const table = 'decoder/embeddings/weight';
  const [, width = 0] = file.shapes.get(table) ?? [];
  const layer = `decoder/layer_0`;
  const isGated = file.shapes.has(`${layer}/ffn/linear_0_noact/weight`);
  const biases = file.shapes.has(`${layer}/self_attention/linear_0/bias`);
  const isRms = !file.shapes.has(`${layer}/self_attention/layer_norm/beta`);
  const [innerOf, headsFor] = [
    (side: string) => file.shapes.get(`${side}/layer_0/ffn/linear_0/weight`)?.[0] ?? 0,
    async (side: string) => (await file.option(`${side}/num_heads`)) ?? headsOf[specification] ?? 8,
  ];
  const heads = await headsFor('decoder');
  const activation = activations[await both('activation', 0)];
  if (activation === undefined || (isGated && activation !== 'swish')) {
    throw refused(
      file,
      `activation ${await both('activation', 0)}${isGated ? ' with a gate' : ''}`,
      'relu, gelu, swish, or swish with a gate',
    );
  }
  const scale = await both('scale_embeddings', 1);
  if (scale !== 0 && scale !== 1 && Math.abs(scale - Math.sqrt(width)) > 1e-3)
    throw refused(file, `embeddings times ${scale}`, 'the root of their width');
  const isPre = (await both('pre_norm', 1)) !== 0;
  const rotary = await file.option('decoder/rotary_dim');
  if (rotary !== undefined && rotary !== 0 && rotary !== width / heads)
    throw refused(file, `rotary_dim ${rotary}`, `0, or all ${width / heads} of a head`);
  const { options: positions, tables } = rotary === undefined ? await positionsOf(file, sides, width) : { options: {}, tables: [] };
  const [sourceTable, tied] = tablesOf(file, hasEncoder);
  const hasBias = file.shapes.has('decoder/projection/bias');
  const names = namesOf(file, sides, { isGated, isPre });
  return {
    architecture: specification,
    options: {
      kind: 'transformer',
      encoderLayers: layersOf('encoder'),
      decoderLayers: layersOf('decoder'),
      width,
      heads,
      keyValueHeads: await file.option('decoder/num_heads_kv'),
      ...(hasEncoder && { encoderHeads: await headsFor('encoder'), encoderFeedForward: innerOf('encoder') }),
      feedForward: innerOf('decoder'),
      norm: { place: isPre ? 'pre' : 'post', kind: isRms ? 'rms' : 'layer', epsilon: facts.epsilon ?? (isRms ? 1e-6 : 1e-5) },
      activation: isGated ? 'swiglu' : activation,
      biases,
      outputBias: hasBias || (facts.target.added ?? 0) > 0,
      scaledEmbeddings: scale !== 0,
      tiedEmbeddings: tied,
      sourceEnd: facts.sourceEnd,
      beginPrompts: facts.beginPrompts,
      dropout: 0.1,
      ...(rotary !== undefined
        ? {
            positions: 'rotary',
            rotaryPairs: (await file.option('decoder/rotary_interleave')) === 0 ? 'halves' : 'adjacent',
            rotaryBase: (await file.option('decoder/rotary_base')) ?? 10_000,
          }
        : positions),
    },
    source: facts.source,
    target: facts.target,
    counterparts: [
      tableCounterpart('target', table),
      ...(sourceTable === undefined ? [] : [tableCounterpart('source', sourceTable)]),
      ...(tied === 'none' ? [{ name: 'output.weight', theirs: ['decoder/projection/weight'], tokens: 'target' } as const] : []),
      { name: 'output.bias', theirs: hasBias ? ['decoder/projection/bias'] : [], tokens: 'target' },
      ...tables,
      ...names,
    ],
    isUnused: (name) => /\/(alignment_heads|position_encodings\/encodings)$/.test(name),
    decoding: hasEncoder ? { beam: 2, beamWidth: 'constant', stopping: 'first', minimumLength: 1, maximumLength: 256 } : {},
    positions: tables.length > 0 ? positions.maximumLength : undefined,
  };
}

/** The table of the source, where it has its own, and what shares the table of the target. */
function tablesOf(file: CTranslate2File, hasEncoder: boolean): [string | undefined, 'none' | 'target' | 'all'] {
  const targetTable = 'decoder/embeddings/weight';
  const isTarget = (name: string): boolean =>
    name === targetTable ||
    file.aliases.get(name) === targetTable ||
    (file.aliases.get(targetTable) === name && !file.shapes.has(targetTable));
  const isTied =
    isTarget('decoder/projection/weight') ||
    !(file.shapes.has('decoder/projection/weight') || file.aliases.has('decoder/projection/weight'));
  const names = ['encoder/embeddings_0/weight', 'encoder/embeddings/weight'];
  if (names.some(isTarget)) return [undefined, isTied ? 'all' : 'none'];
  return [hasEncoder ? names.find((name) => file.shapes.has(name)) : undefined, isTied ? 'target' : 'none'];
}

function countLayers(file: CTranslate2File, side: string): number {
  let count = 0;
  while (file.shapes.has(`${side}/layer_${count}/self_attention/linear_0/weight`)) count++;
  return count;
}

const parts: PartNames = { weight: 'weight', bias: 'bias', gain: 'gamma', shift: 'beta' };

function namesOf(
  file: CTranslate2File,
  sides: readonly ('encoder' | 'decoder')[],
  { isGated, isPre }: { isGated: boolean; isPre: boolean },
): Counterpart[] {
  const hasMemory = (side: string) => side === 'decoder' && sides.length > 1;
  return sides.flatMap((side) => [
    ...stackCounterparts(side, countLayers(file, side), (layer) => layerNames(`${side}/layer_${layer}`, hasMemory(side), isGated), parts),
    ...(isPre ? normCounterparts(`${side}.norm`, `${side}/layer_norm/*`, parts) : []),
  ]);
}

function layerNames(layer: string, hasMemory: boolean, isGated: boolean): LayerNames {
  const [self, source, inner] = [`${layer}/self_attention`, `${layer}/attention`, `${layer}/ffn`];
  return {
    attention: { norm: `${self}/layer_norm/*`, projection: [`${self}/linear_0/*`], output: `${self}/linear_1/*` },
    memory: hasMemory
      ? { norm: `${source}/layer_norm/*`, query: `${source}/linear_0/*`, memory: [`${source}/linear_1/*`], output: `${source}/linear_2/*` }
      : undefined,
    feedForward: {
      norm: `${inner}/layer_norm/*`,
      up: [`${inner}/linear_0/*`, ...(isGated ? [`${inner}/linear_0_noact/*`] : [])],
      down: `${inner}/linear_1/*`,
    },
  };
}

function refused({ path }: CTranslate2File, received: string, allowed: string): DecadeError {
  return new DecadeError('input', { where: path, received, allowed, next: 'see docs/imported-models.md for what can be read' });
}
