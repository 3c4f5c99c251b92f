import { dataParallel } from '../schedule/data-parallel.js';
import type { Network } from '../schedule/network.js';
import { type BatchShape, divideShape, rowsOf, type Task, type ValuesWork } from '../schedule/schedule.js';
import { touchedValues, updatedValues } from '../schedule/values.js';
import type { ClusterProfile } from './cluster-profile.js';
import { type Costs, simulate } from './simulate.js';

/** Values that are sent at once, about; as `parallel/group/pieces.ts` cuts them. */
const pieceValues = 1024 ** 2;
/** Sums of a few numbers over all ranks in an update: that of the squares, and that with which gathering begins. */
const sumsOfUpdate = 2;

/** A node's link: what it sends and receives at the same time, one collective after another. */
export interface NodeLink {
  /** Seconds before the first byte. */
  readonly latency: number;
  /** Seconds that each message to or from another node occupies it. */
  readonly perMessage: number;
  readonly bytesPerSecond: number;
  /** Seconds of a device that each byte sent costs, with one received. */
  readonly perByte: number;
  readonly bytesPerValue: number;
}

/** The link of each of so many nodes. */
export function linkOf({ network, wire }: Pick<ClusterProfile, 'network' | 'wire'>, nodes: number): NodeLink {
  const { gbits, latency, perMessage, perByte, nodesPerSwitch = nodes, oversubscription } = network;
  const narrowed = nodes > nodesPerSwitch ? oversubscription : 1;
  return {
    latency: latency * 1e-6,
    perMessage: perMessage * 1e-6,
    bytesPerSecond: (gbits * 1e9) / 8 / narrowed,
    perByte: perByte * 1e-9,
    bytesPerValue: wire === 'bf16' ? 2 : 4,
  };
}

/** What an update is made of. */
export interface ClusterWork {
  readonly network: Network;
  /** Of all nodes together. */
  readonly batch: BatchShape;
  /** Batches of an update. */
  readonly batches: number;
  /** Of a device among those that compute on a machine. */
  readonly costs: Costs;
}

/** Data parallel training on nodes that all do the same at the same time, in seconds of an update. */
export interface ClusterUpdate {
  readonly seconds: number;
  /** If the network took no time. */
  readonly computingSeconds: number;
  /** In which a node's link is busy, whether or not something is computed meanwhile. */
  readonly linkSeconds: number;
  /** That a node sends in an update. */
  readonly bytes: number;
}

/**
 * An update as `RanksGroup` does it: pieces of gradients go to the ranks that update them (`MPI_Ialltoallv`) while backward goes on, touched
 * rows of embeddings to all; each rank updates its share and gives it to all (`MPI_Iallgatherv`). One node exchanges nothing.
 */
export function dataParallelOn(nodes: number, devices: number, work: ClusterWork, link: NodeLink): ClusterUpdate {
  const { network, batch, batches, costs } = work;
  const own = divideShape(batch, nodes)[0] as BatchShape;
  const schedule = dataParallel(network, divideShape(own, devices), { memories: 'shared', batches });
  const simulation = simulate(schedule, costs);
  if (nodes === 1) return { seconds: simulation.seconds, computingSeconds: simulation.seconds, linkSeconds: 0, bytes: 0 };
  const finals = finalGradients(network, simulation.spans, batches);
  const values = exchangedValues(work, own, nodes);
  const free: NodeLink = {
    latency: 0,
    perMessage: 0,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    perByte: 0,
    bytesPerValue: link.bytesPerValue,
  };
  const ids = 4 * batches * (rowsOf(own.source) + rowsOf(own.target));
  const on = (each: NodeLink) => updateSeconds({ nodes, devices, costs, link: each, finals, values, ids });
  const { seconds, linkSeconds, bytes } = on(link);
  return { seconds, computingSeconds: on(free).seconds, linkSeconds, bytes };
}

/** So many values whose gradients are final at a time. */
interface FinalGradients {
  readonly values: number;
  readonly at: number;
}

type Spans = ReturnType<typeof simulate>['spans'];

/** When the gradients of dense parameters are final on all devices of a node: those of a layer when its backward pass is over. */
function finalGradients(network: Network, spans: Spans, batches: number): FinalGradients[] {
  const ends = new Map<string, FinalGradients>();
  let last = 0;
  let atOutput = 0;
  for (const { task, end } of spans.flat()) {
    const { work } = task;
    if (!('stage' in work)) continue;
    last = Math.max(last, end);
    if (work.kind !== 'backward' || work.microBatch !== batches - 1) continue;
    const { stage } = work;
    if (stage.part === 'output') atOutput = Math.max(atOutput, end);
    if (stage.part !== 'encoder' && stage.part !== 'decoder') continue;
    const name = `${stage.part} ${stage.layer}`;
    const values = network[stage.part][stage.layer]?.values ?? 0;
    ends.set(name, { values, at: Math.max(end, ends.get(name)?.at ?? 0) });
  }
  const layers = [...ends.values()];
  const dense = network.parameters.filter(({ rules }) => rules.gradient === 'dense').reduce((sum, { size }) => sum + size, 0);
  const others = dense - layers.reduce((sum, { values }) => sum + values, 0);
  // An output matrix that is the embedding, too, gets its last part of the gradient at the end.
  const isTied = !network.parameters.some(({ rules }) => rules.gradient === 'rows' && rules.side === 'target');
  return [...layers, { values: Math.max(0, others), at: isTied ? last : atOutput }, { values: 0, at: last }].sort((a, b) => a.at - b.at);
}

interface ExchangedValues {
  readonly dense: number;
  /** Of touched rows: of this node, and what is updated of all. */
  readonly rows: number;
  readonly updatedRows: number;
  /** Row numbers of this node. */
  readonly rowCount: number;
}

function exchangedValues({ network, batch, batches }: ClusterWork, own: BatchShape, nodes: number): ExchangedValues {
  const repeated = (shape: BatchShape) => new Array<BatchShape>(batches).fill(shape);
  const sum = (list: readonly number[]) => list.reduce((total, value) => total + value, 0);
  const touched = touchedValues(network, repeated(own));
  const columns = network.parameters.filter(({ rules }) => rules.gradient === 'rows').map(({ shape }) => shape[1] ?? 1);
  // What all touch cannot be more than what each touches.
  const merged = touchedValues(network, repeated(batch)).map((all, table) => Math.min(all, nodes * (touched[table] ?? 0)));
  return {
    dense: network.parameters.filter(({ rules }) => rules.gradient === 'dense').reduce((total, { size }) => total + size, 0),
    rows: sum(touched),
    rowCount: sum(touched.map((count, table) => count / (columns[table] ?? 1))),
    updatedRows: sum(updatedValues(network, merged)),
  };
}

interface UpdateOnLink {
  readonly nodes: number;
  readonly devices: number;
  readonly costs: Costs;
  readonly link: NodeLink;
  readonly finals: readonly FinalGradients[];
  readonly values: ExchangedValues;
  /** Bytes of token ids that rank 0 sends to each. */
  readonly ids: number;
}

function updateSeconds({ nodes, devices, costs, link, finals, values, ids }: UpdateOnLink) {
  const { latency, perMessage, perByte, bytesPerSecond, bytesPerValue } = link;
  const others = nodes - 1;
  const secondsOf = (kind: ValuesWork['kind'], count: number) => costs.seconds(valuesTask(kind, count));
  // In f32 values are sent from where they are, and received where they are to be.
  const converted = (count: number) => (bytesPerValue === 2 ? count * (costs.conversion ?? 0) : 0);
  let [free, linkSeconds, bytes] = [0, 0, 0];
  /** A collective in which a node exchanges so many bytes with all others; gives when it has arrived. */
  const exchange = (ready: number, ofNode: number): number => {
    const occupied = others * perMessage + ofNode / bytesPerSecond;
    free = Math.max(free, ready) + occupied;
    linkSeconds += occupied;
    bytes += ofNode;
    return free + latency;
  };
  const begun = exchange(0, others * ids);
  const pieces = piecesOf(finals);
  // What keeps devices from computing: to sum each piece over those of the node, to convert it, and to carry the one before it.
  let [lost, carried, arrived] = [0, 0, begun];
  for (const { count, at } of pieces) {
    const ofOthers = (count * others) / nodes;
    lost += secondsOf('reduce', (count * (devices - 1)) / devices) + converted(ofOthers / devices) + carried;
    arrived = exchange(begun + at + lost, ofOthers * bytesPerValue);
    carried = (ofOthers * bytesPerValue * perByte) / devices;
  }
  const backward = begun + (finals.at(-1)?.at ?? 0) + lost;
  if (values.rows > 0) arrived = exchange(backward, others * (bytesPerValue * values.rows + 4 * values.rowCount));
  const share = values.dense / nodes / devices;
  const added =
    Math.max(backward, arrived) +
    secondsOf('reduce', others * share + (others * values.rows) / devices) +
    converted(others * share) +
    secondsOf('norm', share + values.updatedRows / devices);
  const summed = Array.from({ length: sumsOfUpdate }).reduce((at: number) => exchange(at, others * 8), added);
  const updated = summed + secondsOf('update', share + values.updatedRows / devices);
  // What has changed is found, written, and read once more.
  const left = updated + converted(3 * share);
  const gathered = pieces.reduce((_, { count }) => exchange(left, (count * bytesPerValue * others) / nodes), left);
  const taken = gathered + converted(others * share);
  // The results of a batch.
  return { seconds: exchange(taken, others * 64), linkSeconds, bytes };
}

/** Pieces in the order in which they are final, each as soon as all of it is. */
function piecesOf(finals: readonly FinalGradients[]): { readonly count: number; readonly at: number }[] {
  const pieces: { count: number; at: number }[] = [];
  for (const { values, at } of finals) {
    let rest = values;
    while (rest > 0) {
      const last = pieces.at(-1);
      if (last === undefined || last.count >= pieceValues) {
        pieces.push({ count: 0, at });
        continue;
      }
      const taken = Math.min(rest, pieceValues - last.count);
      last.count += taken;
      last.at = at;
      rest -= taken;
    }
  }
  return pieces;
}

function valuesTask(kind: ValuesWork['kind'], values: number): Task {
  return { id: 0, device: 0, needs: [], work: { kind, values }, operations: 0 };
}
