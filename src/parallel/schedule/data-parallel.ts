import { partsToSum } from '../../training/exchange.js';
import { shareOf, updatesTouchedRows } from '../../training/optimizer.js';
import type { Network } from './network.js';
import { type BatchShape, rowsOf, type Schedule, type Task } from './schedule.js';
import { TaskGraph } from './task-graph.js';
import { touchedValues } from './values.js';

export interface DataParallelOptions {
  /** `separate`: every device has a memory of its own, so that gradients and what was updated have to be sent. */
  readonly memories: 'shared' | 'separate';
  /** Batches of an update; each is divided into the same shards. Default: 1. */
  readonly batches?: number | undefined;
}

/** What one device does when the gradients of all are there, in values. */
interface Part {
  /** Of its own share of every dense gradient. */
  readonly dense: number;
  /** Tables of embeddings whose touched rows it merges: their place among the tables. */
  readonly tables: readonly number[];
  readonly updated: number;
}

/**
 * Every device has the whole network and a shard of the batch. As `updateTogether` does: when all are through, each sums its
 * share of all gradients; when all sums of squares are there, each updates its share of the parameters. Nothing of it
 * overlaps with forward and backward. Devices with memories of their own send gradients before and parameters after.
 */
export function dataParallel(network: Network, shards: readonly BatchShape[], { memories, batches = 1 }: DataParallelOptions): Schedule {
  const devices = shards.length;
  const graph = new TaskGraph(network);
  const ends = shards.flatMap((shard, device) => addShard(graph, network, shard, device, batches));
  const touched = shards.map((shard) => touchedValues(network, new Array<BatchShape>(batches).fill(shard)));
  const merged = touchedValues(
    network,
    shards.flatMap((shard) => new Array<BatchShape>(batches).fill(shard)),
  );
  const parts = shards.map((_, part) => partOf(network, { part, parts: devices }, merged));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const ofTables = (part: Part, device: number) => sum(part.tables.map((table) => touched[device]?.[table] ?? 0));
  const isSent = memories === 'separate' && devices > 1;
  const summed = parts.map((part, device) => {
    if (devices === 1) return graph.addNorm(device, part.dense + sum(merged), ends);
    const needs = ends.map((task) => {
      const from = (graph.tasks[task] as Task).device;
      return { task, bytes: isSent ? 4 * (part.dense + ofTables(part, from)) : 0 };
    });
    const rows = sum(shards.map((_, other) => (other === device ? 0 : ofTables(part, other))));
    return graph.add(device, { kind: 'reduce', values: part.dense * (devices - 1) + rows }, needs, 0);
  });
  const updates = graph.addUpdates(
    parts.map(({ updated }) => updated),
    summed,
  );
  if (isSent) {
    const all = sum(parts.map(({ updated }) => updated));
    for (const [device, { updated }] of parts.entries()) {
      const needs = updates.map((task, from) => ({ task, bytes: 4 * (parts[from]?.updated ?? 0) }));
      graph.add(device, { kind: 'gather', values: all - updated }, needs, 0);
    }
  }
  // In the order in which they were added: forward as a tape records it, backward as it is walked in reverse.
  return { devices, tasks: graph.tasks, orders: shards.map((_, device) => graph.tasks.filter((task) => task.device === device)) };
}

/** One batch after the other; gives what ends the last. A shard without sentences has nothing to do. */
function addShard(graph: TaskGraph, network: Network, shard: BatchShape, device: number, batches: number): readonly number[] {
  if (rowsOf(shard.target) === 0) return [];
  const placement = {
    devices: 1,
    layers: new Array<number>(network.layers).fill(device),
    vocabulary: [{ device, from: 0, to: network.targetVocabulary }],
  };
  const cut = { placement, stretch: Number.POSITIVE_INFINITY, weightGradients: 'at once', softmax: 'as needed' } as const;
  let ends: readonly number[] = [];
  for (let batch = 0; batch < batches; batch++) ends = graph.addMicroBatch(batch, shard, cut, ends);
  return ends;
}

/** As a replica divides it: `Replica.reduce` sums the same parts, `Optimizer.update` changes the same shares. */
function partOf({ parameters, optimizer }: Network, share: { part: number; parts: number }, merged: readonly number[]): Part {
  const tableOf = new Map(
    [...parameters.keys()].filter((index) => parameters[index]?.rules.gradient === 'rows').map((index, table) => [index, table]),
  );
  const toSum = partsToSum(parameters, { values: share, rows: share });
  const length = ({ start, end }: { start: number; end: number }) => end - start;
  const updated = parameters.map(({ size, shape: [, columns = 1] }, index) => {
    const table = tableOf.get(index);
    if (table === undefined || !updatesTouchedRows(optimizer)) return length(shareOf(size, share, 16));
    return columns * length(shareOf(Math.round((merged[table] ?? 0) / columns), share));
  });
  return {
    dense: toSum.reduce((sum, part) => sum + (part.kind === 'values' ? length(part) : 0), 0),
    tables: toSum.flatMap(({ index, kind }) => (kind === 'rows' ? [tableOf.get(index) as number] : [])),
    updated: updated.reduce((sum, count) => sum + count, 0),
  };
}
