import { DecadeError } from '../../core/errors.js';
import type { SentenceVectorOptions, SentenceVectors } from '../../decoding/sentence-vectors.js';
import { normalise } from '../../text/normalisation.js';
import { type PrincipalPlane, principalPlane } from './principal-plane.js';
import type { WorkControl } from '../work.js';

/** What gives sentences their vectors. */
export interface SentenceReader {
  sentenceVectors(lines: readonly string[], options?: SentenceVectorOptions): Promise<SentenceVectors>;
}

/** Where sentences lie on the plane along which their vectors differ most (figure 2 of Sutskever et al. 2014). */
export interface SentenceMap extends PrincipalPlane {
  /** Which sentence each point is. */
  readonly sentences: readonly number[];
  /** Which values of the model the vectors are. */
  readonly description: string;
}

/** A map of a group; its points are the group's sentences, class after class. */
export interface MappedGroup extends SentenceMap {
  readonly group: SentenceGroup;
}

/** Points that a map can show and a page can carry. */
const mostMapped = 2_000;
/** Fewer points always lie on a line. */
const fewestMapped = 3;

/** The map of these sentences, or of 2,000 evenly chosen of them. Undefined for fewer than three that are not empty. */
export async function mapSentences(
  reader: SentenceReader,
  lines: readonly string[],
  { signal, onProgress }: WorkControl = {},
): Promise<SentenceMap | undefined> {
  const stride = Math.max(1, lines.length / mostMapped);
  const chosen = Array.from({ length: Math.min(lines.length, mostMapped) }, (_, index) => Math.floor(index * stride));
  const { description, vectors } = await reader.sentenceVectors(
    chosen.map((sentence) => lines[sentence] as string),
    { signal, onProgress: ({ done, total }) => onProgress?.({ label: 'reading sentences', fraction: done / total }) },
  );
  const present = chosen.flatMap((sentence, index) => {
    const vector = vectors[index];
    return vector === undefined ? [] : [{ sentence, vector }];
  });
  if (present.length < fewestMapped) return undefined;
  const plane = await principalPlane(
    present.map(({ vector }) => vector),
    { signal, onProgress },
  );
  return { ...plane, sentences: present.map(({ sentence }) => sentence), description };
}

/** A map for each group. */
export async function mapGroups(
  reader: SentenceReader,
  groups: readonly SentenceGroup[],
  control: WorkControl = {},
): Promise<MappedGroup[]> {
  const mapped: MappedGroup[] = [];
  for (const group of groups) {
    const map = await mapSentences(reader, group.classes.flat(), control);
    if (map !== undefined) mapped.push({ group, ...map });
  }
  return mapped;
}

/** Sentences that are drawn on a map of their own, in classes of one colour each. */
export interface SentenceGroup {
  readonly title: string;
  readonly classes: readonly (readonly string[])[];
  /** What the classes are called, where they have names. */
  readonly names?: readonly (string | undefined)[];
}

/** The sentences of figure 2 of Sutskever et al. (2014). */
export const paperGroups: readonly SentenceGroup[] = [
  {
    title: 'Word order: who does it to whom',
    names: ['Mary … John', 'John … Mary'],
    classes: [
      ['Mary admires John', 'Mary is in love with John', 'Mary respects John'],
      ['John admires Mary', 'John is in love with Mary', 'John respects Mary'],
    ],
  },
  {
    title: 'Active and passive voice',
    names: ['from me to her', 'from her to me'],
    classes: [
      ['I gave her a card in the garden', 'In the garden, I gave her a card', 'She was given a card by me in the garden'],
      ['She gave me a card in the garden', 'In the garden, she gave me a card', 'I was given a card by her in the garden'],
    ],
  },
];

/** A map of more is a map of the data. */
const mostSentences = 200;

/**
 * Groups as people write them: a line `# title` begins a group, an empty line a class of another colour in it, and a line
 * `## name` a class with a name.
 *
 * @throws DecadeError `input` for text without sentences, or with more than can be told apart
 */
export function parseGroups(lines: readonly string[], where: string): SentenceGroup[] {
  const groups: { title: string; classes: string[][]; names: (string | undefined)[] }[] = [];
  let isNewClass = true;
  let className: string | undefined;
  for (const line of lines.map((text) => normalise(text).trim())) {
    if (line.startsWith('##') && groups.length > 0) {
      className = line.replace(/^#+\s*/, '') || undefined;
      isNewClass = true;
    } else if (line.startsWith('#')) {
      groups.push({ title: line.replace(/^#+\s*/, '') || `Group ${groups.length + 1}`, classes: [], names: [] });
      className = undefined;
      isNewClass = true;
    } else if (line === '') {
      isNewClass = true;
    } else {
      if (groups.length === 0) groups.push({ title: 'Group 1', classes: [], names: [] });
      const { classes, names } = groups.at(-1) as (typeof groups)[number];
      if (isNewClass) {
        classes.push([]);
        names.push(className);
        className = undefined;
      }
      classes.at(-1)?.push(line);
      isNewClass = false;
    }
  }
  for (const { title, classes } of groups) {
    const count = classes.reduce((sum, sentences) => sum + sentences.length, 0);
    if (count >= 3 && count <= mostSentences) continue;
    throw new DecadeError('input', {
      where: `${where}, group ${JSON.stringify(title)}`,
      received: `${count} sentences`,
      allowed: `3 to ${mostSentences} in a group`,
      next: 'start a group with `# title` and separate its classes by an empty line',
    });
  }
  if (groups.length === 0) {
    throw new DecadeError('input', { where, received: 'no sentences', allowed: 'sentences, in groups that start with `# title`' });
  }
  return groups.map(({ names, ...group }) => (names.some((name) => name !== undefined) ? { ...group, names } : group));
}
