import type { Counterpart } from '../counterparts.js';

/**
 * Where a checkpoint has the parts of a layer, in the order in which a Transformer's layer has them. In each name `*` stands for what it
 * has of the part; several names are one matrix here, rows behind rows.
 */
export interface LayerNames {
  readonly attention: { readonly norm: string; readonly projection: readonly string[]; readonly output: string };
  readonly memory?:
    | { readonly norm: string; readonly query: string; readonly memory: readonly string[]; readonly output: string }
    | undefined;
  readonly feedForward: { readonly norm: string; readonly up: readonly string[]; readonly down: string };
}

/** What `*` stands for. What is not named, no part has. */
export interface PartNames {
  /** Of linear layers. */
  readonly weight: string;
  readonly bias?: string;
  /** Of normalisations. */
  readonly gain: string;
  readonly shift?: string;
  /** Matrices are [inputs, outputs]. */
  readonly isTransposed?: boolean;
}

/** Those of PyTorch. */
export const torchParts: PartNames = { weight: 'weight', bias: 'bias', gain: 'weight', shift: 'bias' };

/** The parameters of a layer; `ours`: `decoder.0`. */
export function layerCounterparts(ours: string, { attention, memory, feedForward }: LayerNames, parts: PartNames): Counterpart[] {
  const linear = (name: string, theirs: readonly string[]) => linearCounterparts(`${ours}.${name}`, theirs, parts);
  const norm = (name: string, theirs: string) => normCounterparts(`${ours}.${name}.norm`, theirs, parts);
  return [
    ...norm('attention', attention.norm),
    ...linear('attention.projection', attention.projection),
    ...linear('attention.output', [attention.output]),
    ...(memory === undefined
      ? []
      : [
          ...norm('memory', memory.norm),
          ...linear('memory.query', [memory.query]),
          ...linear('memory.memory', memory.memory),
          ...linear('memory.output', [memory.output]),
        ]),
    ...norm('feedForward', feedForward.norm),
    ...linear('feedForward.up', feedForward.up),
    ...linear('feedForward.down', [feedForward.down]),
  ];
}

/** The layers of a stack, from 0 on. */
export function stackCounterparts(
  side: 'encoder' | 'decoder',
  layers: number,
  namesOf: (layer: number) => LayerNames,
  parts: PartNames,
): Counterpart[] {
  return Array.from({ length: layers }, (_, layer) => layerCounterparts(`${side}.${layer}`, namesOf(layer), parts)).flat();
}

export function normCounterparts(ours: string, theirs: string, { gain, shift }: PartNames): Counterpart[] {
  const of = (part: string, name: string): Counterpart => ({ name: `${ours}.${part}`, theirs: [theirs.replace('*', name)] });
  return [of('gain', gain), ...(shift === undefined ? [] : [of('bias', shift)])];
}

function linearCounterparts(ours: string, theirs: readonly string[], { weight, bias, isTransposed = false }: PartNames): Counterpart[] {
  const of = (part: string, name: string) => ({ name: `${ours}.${part}`, theirs: theirs.map((each) => each.replace('*', name)) });
  return [{ ...of('weight', weight), isTransposed }, ...(bias === undefined ? [] : [of('bias', bias)])];
}

/** The embeddings of a side. */
export function tableCounterpart(side: 'source' | 'target', theirs: string): Counterpart {
  return { name: `${side}.embedding.table`, theirs: [theirs], tokens: side };
}
