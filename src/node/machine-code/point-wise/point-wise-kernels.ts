import type { LoadedKernels } from '../../../tensor/kernels/load.js';
import type { Memory } from '../../../tensor/memory.js';
import { ForeignInterface, MemoryAddresses } from '../../foreign.js';
import { sharedExecutableMemory } from '../executable-memory.js';
import { vectorSupport } from '../processor.js';
import { activate, activateGradient, activationKinds } from './activations.js';
import { addBias, addColumnSums } from './columns.js';
import { headGradients, headProbabilities } from './head-rows.js';
import { argumentPlaces, Constants, KernelAssembler } from './kernel-assembler.js';
import { normalise, normaliseGradient } from './normalisation.js';
import { attendQuery } from './single-query.js';
import { addBiasAndNormalise, softmaxCrossEntropy } from './softmax.js';

/** What each function of the code is called by, and how it is written. */
const writers = {
  ...Object.fromEntries(activationKinds.map((kind) => [`activate ${kind}`, (code: KernelAssembler) => activate(code, kind)])),
  ...Object.fromEntries(
    activationKinds.map((kind) => [`activateGradient ${kind}`, (code: KernelAssembler) => activateGradient(code, kind)]),
  ),
  addBias,
  addColumnSums,
  normalise,
  normaliseGradient,
  headProbabilities,
  headGradients,
  attendQuery,
  softmaxCrossEntropy,
  addBiasAndNormalise,
} as Readonly<Record<string, (code: KernelAssembler) => number>>;

/** Floats of a vector. */
const lanes = 8;

interface PointWiseCode {
  readonly code: Uint8Array;
  readonly starts: ReadonlyMap<string, number>;
  readonly constants: Constants;
}

let written: PointWiseCode | undefined;

/** Once a thread, as constants have places that the code knows. */
function pointWiseCode(): PointWiseCode {
  if (written !== undefined) return written;
  const constants = new Constants();
  const code = new KernelAssembler(constants);
  const starts = new Map(Object.entries(writers).map(([name, write]) => [name, write(code)]));
  written = { code: code.code, starts, constants };
  return written;
}

/**
 * The kernels, those of point-wise work in machine code for AVX2 where processor and system allow it: eight floats at a time instead of
 * four, and the same bits. What it does not cover (rows that are not whole vectors, dropout) stays with the kernels that are given, and
 * all does where the engine rounds products before it adds them.
 */
export async function withPointWiseCode(memory: Memory, kernels: LoadedKernels): Promise<LoadedKernels> {
  const foreign = await ForeignInterface.load();
  if (!(foreign instanceof ForeignInterface) || !vectorSupport('avx2', foreign).available) return kernels;
  const { code, starts, constants } = pointWiseCode();
  const executable = sharedExecutableMemory(foreign, 'point-wise work', () => code);
  if (!executable.available) return kernels;
  const { address, view } = foreign.structure(constants.blockBytes);
  const block = new Int32Array(view.buffer, view.byteOffset, view.byteLength / 4);
  const floats = new Float32Array(view.buffer, view.byteOffset + argumentPlaces.floats, 8);
  const doubles = new Float64Array(view.buffer, view.byteOffset + argumentPlaces.doubles, 4);
  constants.write(block);
  const addresses = new MemoryAddresses(memory, foreign);
  /** A function of the code, of its integer arguments; others are put into `floats` and `doubles` before. */
  const bound = (name: string) => {
    const run = foreign.functionAt(executable.address + (starts.get(name) as number), 'void', ['int64_t', 'int64_t']);
    return (...integers: number[]) => {
      for (let position = 0; position < integers.length; position++) block[position] = integers[position] as number;
      run(addresses.base, address);
    };
  };
  const [activates, gradients] = [
    activationKinds.map((kind) => bound(`activate ${kind}`)),
    activationKinds.map((kind) => bound(`activateGradient ${kind}`)),
  ];
  const [biasOfRows, sumsOfColumns] = [bound('addBias'), bound('addColumnSums')];
  const [normaliseRows, gradientOfRows] = [bound('normalise'), bound('normaliseGradient')];
  const [probabilitiesOfRows, gradientsOfRows] = [bound('headProbabilities'), bound('headGradients')];
  const attentionOfQuery = bound('attendQuery');
  const [crossEntropies, normaliseLogits] = [bound('softmaxCrossEntropy'), bound('addBiasAndNormalise')];
  const faster: LoadedKernels = {
    ...kernels,
    addBias(...given) {
      const [y, bias, rows, columns] = given;
      if (!isCovered(rows, columns)) return kernels.addBias(...given);
      return biasOfRows(y, bias, rows, 4 * columns);
    },
    addColumnSums(...given) {
      const [sums, x, rows, columns] = given;
      if (!isCovered(rows, columns)) return kernels.addColumnSums(...given);
      return sumsOfColumns(sums, x, rows, 4 * columns);
    },
    activate(...given) {
      const [y, x, bias, rows, columns, kind] = given;
      if (!isCovered(rows, columns)) return kernels.activate(...given);
      return activates[kind]?.(y, x, bias, rows, 4 * columns);
    },
    activateGradient(...given) {
      const [dx, x, dy, biasGradient, rows, columns, kind] = given;
      if (!isCovered(rows, columns)) return kernels.activateGradient(...given);
      return gradients[kind]?.(dx, x, dy, biasGradient, rows, 4 * columns);
    },
    normalise(...given) {
      const [y, sum, x, residual, gain, bias, statistics, rows, columns, epsilon, centred, known] = given;
      if (!isCovered(rows, columns) || gain === 0) {
        return kernels.normalise(...given);
      }
      floats[0] = columns;
      doubles[0] = epsilon;
      doubles[1] = columns;
      doubles[2] = 1;
      return normaliseRows(y, sum, x, residual, gain, bias, statistics, rows, 4 * columns, centred, known);
    },
    normaliseGradient(...given) {
      const [dx, dResidual, dGain, dBias, dy, dSum, x, gain, statistics, rows, columns, centred, adds, addsResidual] = given;
      const isUsual = dx !== 0 && dGain !== 0 && dy !== 0 && gain !== 0 && adds === 0 && addsResidual === 0 && !dResidual === !dSum;
      if (!isCovered(rows, columns) || !isUsual) {
        return kernels.normaliseGradient(...given);
      }
      floats[0] = columns;
      return gradientOfRows(dx, dResidual, dGain, dBias, dy, dSum, x, gain, statistics, rows, 4 * columns, centred);
    },
    attendHeads(...given) {
      const [output, , query, , keys, values, memoryRow, memoryRows, queries, count, heads, keyValueHeads, size] = given;
      const [, , , , , , , , , , , , , scale, , bias, , statistics, weights, rowKeys, , , scratch] = given;
      if (queries !== 1 || heads !== keyValueHeads || size % lanes !== 0 || bias !== 0 || rowKeys !== 0)
        return kernels.attendHeads(...given);
      const scores = scratch + 128;
      const scoreRow = 4 * wholeVectors(count);
      floats[0] = scale;
      attentionOfQuery(
        scores,
        1,
        scoreRow,
        count,
        0,
        scoreRow,
        statistics,
        4,
        heads,
        scoreRow,
        output,
        query,
        keys,
        values,
        memoryRow,
        memoryRows,
        4 * size,
        scores + heads * scoreRow,
      );
      if (weights === 0) return;
      for (let head = 0; head < heads; head++) kernels.copy(weights + 4 * head * count, scores + head * scoreRow, 4 * count);
    },
    headProbabilities(...given) {
      const [scores, scoreRow, first, count, queries, memoryCount, head, headCount, heads, scale, causal, bias] = given;
      const [, , , , , , , , , , , , , statistics, weights, rowKeys] = given;
      const visible = visibleFirst(first, queries, memoryCount, causal);
      if (count === 0 || visible < 1 || bias !== 0 || weights !== 0 || rowKeys !== 0) {
        return kernels.headProbabilities(...given);
      }
      const seenBytes = 4 * wholeVectors(visible + causal * (count - 1));
      const statistic = statistics + 4 * (first * heads + head);
      floats[0] = scale;
      return probabilitiesOfRows(scores, count, scoreRow, visible, causal, seenBytes, statistic, 4 * heads, headCount, count * scoreRow);
    },
    headGradients(...given) {
      const [
        scores,
        gradients,
        scoreRow,
        first,
        count,
        queries,
        memoryCount,
        head,
        headCount,
        heads,
        size,
        dOutput,
        output,
        outputRow,
        scale,
        causal,
        bias,
        ,
        ,
        statistics,
        rowKeys,
      ] = given;
      const visible = visibleFirst(first, queries, memoryCount, causal);
      if (count === 0 || visible < 1 || bias !== 0 || rowKeys !== 0 || size % (2 * lanes) !== 0) {
        return kernels.headGradients(...given);
      }
      const seenBytes = 4 * wholeVectors(visible + causal * (count - 1));
      const statistic = statistics + 4 * (first * heads + head);
      const place = first * outputRow + 4 * head * size;
      floats[0] = scale;
      return gradientsOfRows(
        scores,
        count,
        scoreRow,
        visible,
        causal,
        seenBytes,
        statistic,
        4 * heads,
        headCount,
        count * scoreRow,
        gradients,
        dOutput + place,
        output + place,
        outputRow,
        4 * size,
      );
    },
    softmaxCrossEntropy(...given) {
      const [logits, bias, targets, losses, logProbabilities, biasGradient, rows, columns, smoothing, scale] = given;
      if (!isCovered(rows, columns) || scale === 0 || bias === 0 || logProbabilities === 0) {
        return kernels.softmaxCrossEntropy(...given);
      }
      floats[0] = 1 - smoothing;
      floats[1] = smoothing;
      floats[2] = scale * (1 - smoothing);
      floats[3] = (scale * smoothing) / columns;
      floats[4] = columns;
      doubles[0] = scale;
      return crossEntropies(logits, bias, targets, losses, logProbabilities, biasGradient, rows, 4 * columns, Number(smoothing !== 0));
    },
    addBiasAndNormalise(...given) {
      const [logits, bias, rows, columns, normalisers, maxima] = given;
      if (!isCovered(rows, columns)) return kernels.addBiasAndNormalise(...given);
      return normaliseLogits(logits, bias, rows, 4 * columns, normalisers, maxima);
    },
  };
  return hasSameBits(memory, kernels, faster) ? faster : kernels;
}

/** Whether rows are whole vectors. */
function isCovered(rows: number, columns: number): boolean {
  return rows > 0 && columns > 0 && columns % lanes === 0;
}

/** How many rows of the memory the first of some queries sees. */
function visibleFirst(first: number, queries: number, memoryCount: number, causal: number): number {
  return causal === 0 ? memoryCount : memoryCount + first + 1 - queries;
}

function wholeVectors(count: number): number {
  return Math.ceil(count / lanes) * lanes;
}

/** Whether both round alike, which depends on the engine: relaxed SIMD may fuse a product and a sum, or not. */
function hasSameBits(memory: Memory, one: LoadedKernels, other: LoadedKernels): boolean {
  const count = 64;
  const block = memory.allocate(2 * 4 * count);
  const [x, y] = [block.offset, block.offset + 4 * count];
  for (let at = 0; at < count; at++) memory.f32[x / 4 + at] = (at - count / 2) / 7;
  const resultOf = (kernels: LoadedKernels) => {
    kernels.activate(y, x, 0, 1, count, activationKinds.indexOf('gelu-tanh'));
    return memory.i32.slice(y / 4, y / 4 + count).join();
  };
  const isSame = resultOf(one) === resultOf(other);
  memory.free(block);
  return isSame;
}
