import { DecadeError } from '../../core/errors.js';
import { type Network, operationsOf } from '../schedule/network.js';
import { type PipelinePlan, updateSchedule } from '../schedule/plan.js';
import { candidatePlacements, type Placement, sharedPlacement } from '../schedule/placement.js';
import { type BatchShape, divideShape, type Order, rowsOf, type Schedule } from '../schedule/schedule.js';
import { type Costs, type Simulation, simulate } from './simulate.js';

/** What a plan is for. */
export interface PlannedWork {
  readonly network: Network;
  /** As most batches are. */
  readonly batch: BatchShape;
  /** Batches of an update. Default: 1. */
  readonly batches?: number | undefined;
  /** Of a device while so many work. */
  costs(devices: number): Costs;
}

/** What is decided already. */
export interface PlanWishes {
  readonly order: Order;
  readonly placement?: Placement | undefined;
  readonly stretch?: number | undefined;
  readonly microBatches?: number | undefined;
  /** Whether devices have room for what a placement gives them. Default: all have. */
  readonly fits?: ((placement: Placement) => boolean) | undefined;
  /** Logits that may exist at a time, in bytes. Default: no limit. */
  readonly logitBytes?: number | undefined;
}

export interface ChosenPlan {
  readonly plan: PipelinePlan;
  readonly schedule: Schedule;
  readonly simulation: Simulation;
}

/**
 * Chooses, by these costs, the plan that is fastest of all that are worth trying, simulating each. Where more devices would not
 * be faster, it uses fewer than there are.
 */
export class PlanChooser {
  readonly #work: PlannedWork;
  readonly #wishes: PlanWishes;
  /** The fastest plan that uses so many devices. */
  readonly #using = new Map<number, { plan: PipelinePlan; seconds: number }>();

  constructor(work: PlannedWork, wishes: PlanWishes) {
    this.#work = work;
    this.#wishes = wishes;
  }

  on(devices: number): ChosenPlan {
    const { placement } = this.#wishes;
    if (placement !== undefined) return this.#simulated(this.#fastest(placement.devices).plan);
    const used = this.#helpful(devices);
    const { plan } = this.#fastest(used);
    return this.#simulated(used === devices ? plan : { ...plan, offered: devices });
  }

  /**
   * How many devices are used: of all, and of halves again and again, the fastest number, and around it by ever smaller
   * steps. Of equally fast ones the least.
   */
  #helpful(devices: number): number {
    for (let count = devices; count >= 1; count = Math.floor(count / 2)) this.#fastest(count);
    const best = () =>
      [...this.#using]
        .filter(([count]) => count <= devices)
        .sort(([a, one], [b, other]) => one.seconds - other.seconds || a - b)
        .map(([count]) => count)[0] ?? devices;
    for (let step = Math.ceil(best() / 4); ; ) {
      const [before, around] = [best(), [best() - step, best() + step]];
      for (const count of around) if (count >= 1 && count <= devices) this.#fastest(count);
      if (best() !== before) continue;
      if (step === 1) return best();
      step = Math.ceil(step / 2);
    }
  }

  /** Of the plans that use exactly so many devices. */
  #fastest(devices: number): { plan: PipelinePlan; seconds: number } {
    const known = this.#using.get(devices);
    if (known !== undefined) return known;
    const { network, batch } = this.#work;
    const { order, logitBytes = Number.POSITIVE_INFINITY, placement: written, fits = () => true } = this.#wishes;
    const softmax = 4 * rowsOf(batch.target) * network.targetVocabulary <= logitBytes ? 'as needed' : 'as they come';
    let best: { plan: PipelinePlan; seconds: number } | undefined;
    for (const placement of written === undefined ? placementsFor(network, batch, devices) : [written]) {
      for (const division of divisionsOf(this.#wishes, batch)) {
        const plan: PipelinePlan = { placement: copied(placement), order, ...division, softmax };
        // One that does not fit is taken only where none does, to be refused with what would be needed.
        const seconds = written !== undefined || fits(placement) ? this.#simulated(plan).simulation.seconds : Number.POSITIVE_INFINITY;
        if (best === undefined || seconds < best.seconds) best = { plan, seconds };
      }
    }
    if (best === undefined) throw new Error(`no placement for ${devices} devices`);
    this.#using.set(devices, best);
    return best;
  }

  #simulated(plan: PipelinePlan): ChosenPlan {
    const { network, batch, batches = 1, costs } = this.#work;
    const microBatches = Array.from({ length: batches }, () => divideShape(batch, plan.microBatches)).flat();
    const schedule = updateSchedule(network, plan, microBatches);
    const of = costs(plan.placement.devices);
    const { beforehand = 0, planning = 0 } = of;
    const simulation = simulate(schedule, { ...of, beforehand: beforehand + planning * schedule.tasks.length });
    return { plan, schedule, simulation };
  }
}

/** A placement as a person writes it. */
export interface WrittenPlacement {
  /** Device of each layer, from 0. */
  readonly layers: readonly number[];
  /** Each device's part of the vocabulary, in any unit. */
  readonly vocabulary: readonly number[];
}

/** The placement that someone has written. Throws `usage` when it does not fit the network and the devices. */
export function writtenPlacement({ layers, vocabulary }: WrittenPlacement, network: Network, devices: number): Placement {
  const refuse = (key: string, received: string, allowed: string, next: string) => {
    throw new DecadeError('usage', { where: `training.parallel.placement.${key}`, received, allowed, next });
  };
  const numbers = (list: readonly number[]) => `[${list.join(', ')}]`;
  if (layers.length !== network.layers) {
    const example = numbers(Array.from({ length: network.layers }, (_, layer) => Math.floor((layer * devices) / network.layers)));
    refuse(
      'layers',
      `${numbers(layers)}, ${layers.length} devices`,
      `the device of each of the ${network.layers} layers`,
      `for example ${example}`,
    );
  }
  const outside = layers.find((device) => device >= devices);
  if (outside !== undefined) {
    refuse('layers', `device ${outside}`, `devices from 0 to ${devices - 1}`, `use --devices ${outside + 1} or another device`);
  }
  if (vocabulary.length !== devices || vocabulary.every((share) => share === 0)) {
    const example = numbers(Array.from({ length: devices }, (_, device) => (layers.includes(device) ? 0 : 1)));
    const next = example.includes('1') ? `for example ${example}` : 'use 1 for each device to divide it evenly';
    refuse('vocabulary', numbers(vocabulary), `a share, 0 or more, for each of the ${devices} devices, one of them more than 0`, next);
  }
  const idle = vocabulary.findIndex((share, device) => share === 0 && !layers.includes(device));
  if (idle >= 0) {
    refuse(
      'vocabulary',
      `nothing for device ${idle}, which has no layer either`,
      'work for every device',
      'give it a share or use fewer devices',
    );
  }
  return sharedPlacement(network, layers, vocabulary);
}

/** Plans are checked by a schema whose lists can be changed. */
function copied({ devices, layers, vocabulary }: Placement): PipelinePlan['placement'] {
  return { devices, layers: [...layers], vocabulary: vocabulary.map((slice) => ({ ...slice })) };
}

/** The placements worth trying on so many devices. */
export function placementsFor(network: Network, { source, target }: BatchShape, devices: number): Placement[] {
  const { encoder, decoder, layers } = network;
  const top = (part: 'encoder' | 'decoder', count: number) => (count === 0 ? 0 : operationsOf(network, { part, layer: count - 1 }));
  const layer =
    network.sight === undefined
      ? top('decoder', decoder.length) * (rowsOf(source) + rowsOf(target))
      : (encoder.length * top('encoder', encoder.length) * rowsOf(source) +
          decoder.length * top('decoder', decoder.length) * (rowsOf(target) + (network.sight.readsOn ? rowsOf(source) : 0))) /
        layers;
  const output = operationsOf(network, { part: 'output', vocabulary: { from: 0, to: network.targetVocabulary } }) * rowsOf(target);
  return candidatePlacements(network, devices, output / layer);
}

/** How a batch is handed on: by steps, or by micro-batches. */
function divisionsOf({ order, stretch, microBatches }: PlanWishes, { source, target }: BatchShape) {
  const sentences = Math.max(source[0] ?? 0, target[0] ?? 0);
  const steps = Math.max(source.length, target.length);
  if (order === 'diagonal') {
    const stretches = stretch === undefined ? [1, 2, 4, 8].filter((count) => count <= steps) : [stretch];
    return stretches.map((count) => ({ stretch: count, microBatches: microBatches ?? 1 }));
  }
  const counts = microBatches === undefined ? [1, 2, 4, 8, 16].filter((count) => count <= sentences) : [microBatches];
  return counts.map((count) => ({ ...(stretch !== undefined && { stretch }), microBatches: count }));
}
