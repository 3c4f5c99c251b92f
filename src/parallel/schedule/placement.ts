/** From (included) to (excluded). */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Which device holds what of a pipelined network. A layer's encoder and decoder live on the same device. */
export interface Placement {
  readonly devices: number;
  /** Device of each layer. */
  readonly layers: readonly number[];
  /** Slices of the target vocabulary; together the whole of it. */
  readonly vocabulary: readonly (Range & { readonly device: number })[];
}

/** What has to be placed. */
export interface PlacedSize {
  readonly layers: number;
  readonly targetVocabulary: number;
}

/**
 * Layers in even groups on the first `layerDevices` devices, the vocabulary in even slices on the rest; on all of them when
 * there is no rest. The 2014 paper: 8 devices, 4 for layers.
 */
export function evenPlacement(size: PlacedSize, devices: number, layerDevices: number): Placement {
  const isFree = (device: number) => devices === layerDevices || device >= layerDevices;
  const widths = Array.from({ length: devices }, (_, device) => (isFree(device) ? 1 : 0));
  return sharedPlacement(size, layerGroups(size.layers, layerDevices), widths);
}

/** As `evenPlacement`, but the vocabulary fills up what a device's layers leave to an even share of all work. */
export function balancedPlacement(size: PlacedSize, devices: number, layerDevices: number, vocabularyWorkOfLayers: number): Placement {
  const layersOn = new Int32Array(devices);
  for (const device of layerGroups(size.layers, layerDevices)) (layersOn[device] as number)++;
  const work = Array.from(layersOn, (layers) => layers / vocabularyWorkOfLayers);
  // Raise the level until the room below it is the whole vocabulary's work, which is 1.
  const rising = [...work].sort((a, b) => a - b);
  let level = 0;
  for (let count = 1, sum = 0; count <= devices; count++) {
    sum += rising[count - 1] as number;
    level = (1 + sum) / count;
    if (count === devices || level <= (rising[count] as number)) break;
  }
  return sharedPlacement(
    size,
    layerGroups(size.layers, layerDevices),
    work.map((own) => Math.max(0, level - own)),
  );
}

/**
 * The placements worth trying on so many devices: every even grouping of the layers, the vocabulary on the other devices or
 * so that all have as much to do. `vocabularyWorkOfLayers`: how many layers are as much work as the whole vocabulary.
 */
export function candidatePlacements(size: PlacedSize, devices: number, vocabularyWorkOfLayers: number): Placement[] {
  const groups = Array.from({ length: Math.min(size.layers, devices) }, (_, index) => index + 1);
  // Groups of unequal size are as slow as fewer of equal size.
  const largest = (count: number) => Math.ceil(size.layers / count);
  return groups
    .filter((count) => count === 1 || largest(count) < largest(count - 1))
    .flatMap((layerDevices) => [
      evenPlacement(size, devices, layerDevices),
      balancedPlacement(size, devices, layerDevices, vocabularyWorkOfLayers),
    ])
    .filter(({ layers, vocabulary }, index, all) => {
      const isSame = (other: Placement) => JSON.stringify([other.layers, other.vocabulary]) === JSON.stringify([layers, vocabulary]);
      return all.findIndex(isSame) === index;
    });
}

function layerGroups(layers: number, devices: number): number[] {
  return Array.from({ length: layers }, (_, layer) => Math.floor((layer * devices) / layers));
}

/** Layers on the devices named for each; of the vocabulary each device has a slice in proportion to its width, none where that is 0. */
export function sharedPlacement({ targetVocabulary }: PlacedSize, layers: readonly number[], widths: readonly number[]): Placement {
  const whole = widths.reduce((sum, width) => sum + width, 0);
  let before = 0;
  const vocabulary = widths.map((width, device) => {
    const from = Math.round((targetVocabulary * before) / whole);
    before += width;
    return { device, from, to: Math.round((targetVocabulary * before) / whole) };
  });
  return { devices: widths.length, layers, vocabulary: vocabulary.filter(({ from, to }) => to > from) };
}

/** A line a device: `device 4: vocabulary 0 to 19,999 (14 % of the operations)`. */
export function describePlacement({ devices, layers, vocabulary }: Placement, shareOf: (device: number) => number): string[] {
  return Array.from({ length: devices }, (_, device) => {
    const held = layers.flatMap((place, layer) => (place === device ? [layer + 1] : []));
    const [first, last] = [held[0], held.at(-1)];
    const parts = [
      ...(first === undefined ? [] : [first === last ? `layer ${first}` : `layers ${first} to ${last}`]),
      ...vocabulary
        .filter((slice) => slice.device === device && slice.to > slice.from)
        .map(({ from, to }) => `vocabulary ${from.toLocaleString('en-US')} to ${(to - 1).toLocaleString('en-US')}`),
    ];
    return `device ${device}: ${parts.join(', ') || 'nothing'} (${(100 * shareOf(device)).toFixed(0)} % of the operations)`;
  });
}
