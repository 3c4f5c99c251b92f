import { type Estimated, meanDifference } from '../../analysis/examination/means.js';
import { categoryPlot } from '../../analysis/page/plot.js';
import { digitsTask } from '../base.js';
import { effectOnBleu, isOverCopies, meanBleu, type ScoredCopies, scoredCopies } from '../bleu-of-translations.js';
import { type Experiment, sideBySide, type Study } from '../experiment.js';
import { beam, members, seeds } from '../options.js';
import { type Train, translate, type Translate } from '../steps.js';
import { change, seedsWritten, verdict, written } from '../wording.js';
import { directed, paper } from './lstm-of-2014.js';

/** A row of table 1: a model or an ensemble, once or in several independent copies, and how it searches. */
interface System {
  readonly name: string;
  /** The translations by each copy. */
  readonly copies: readonly Translate[];
  readonly beam: number;
  /** BLEU in the paper. */
  readonly paper: number | undefined;
}

type ScoredSystem = System & ScoredCopies;

/** The others are compared with a single reversed model with the widest beam. */
const paperReference = 30.59;
const options = { seeds: seeds(3), members, beam: beam(12) };

export const decoding: Experiment<typeof options> = {
  title: 'Beams and ensembles',
  source: {
    paper,
    where: 'table 1',
    claim: 'single forward 26.17, single reversed 30.59, 5 reversed 33.00 to 34.81 BLEU with beams of 1 to 12',
  },
  task: digitsTask,
  options,

  async *stages(study) {
    const { laboratory, options } = study;
    const { signal } = laboratory.options;
    const forward = directed(study, 'forward', options.seeds);
    const reversed = directed(study, 'reversed', Math.max(options.seeds, options.members));
    const systems = systemsOf(study, forward, reversed);
    yield { steps: [...sideBySide({ forward, reversed }), ...systems.flatMap(({ copies }) => copies)] };
    const measured: ScoredSystem[] = [];
    for (const system of systems) measured.push({ ...system, ...(await scoredCopies(laboratory, system.copies)) });
    const named = (name: string, beam: number) => measured.find((one) => one.name === name && one.beam === beam) as ScoredSystem;
    const reference = named(names.reversed, options.beam);
    const scores: Estimated[] = [];
    const effects: (Estimated | undefined)[] = [];
    for (const one of measured) {
      scores.push(await meanBleu(one, signal));
      effects.push(one === reference ? undefined : await effectOf(reference, one, signal));
    }
    const effectNamed = (name: string, beam: number) => effects[measured.indexOf(named(name, beam))] as Estimated;
    const inPaper = ({ paper }: ScoredSystem) => (paper === undefined ? undefined : paper - paperReference);
    const many = ensembleName(options.members);
    const wide = named(many, options.beam);
    const greedy = named(many, 1);
    const conclusions = [
      { what: `Reversing the source`, effect: negative(effectNamed(names.forward, options.beam)), paper: paperReference - 26.17 },
      ...(options.beam === 1
        ? []
        : [
            {
              what: `A beam of ${options.beam} instead of greedy search, single model`,
              effect: negative(effectNamed(names.reversed, 1)),
              paper: undefined,
            },
            {
              what: `A beam of ${options.beam} instead of greedy search, ensemble of ${options.members}`,
              effect: await effectOf(greedy, wide, signal),
              paper: options.members === 5 ? 34.81 - 33 : undefined,
            },
          ]),
      ...(options.members > 2
        ? [{ what: 'An ensemble of 2 models', effect: effectNamed(ensembleName(2), options.beam), paper: 33.27 - paperReference }]
        : []),
      {
        what: `An ensemble of ${options.members} models`,
        effect: effectNamed(many, options.beam),
        paper: options.members === 5 ? 34.81 - paperReference : options.members === 2 ? 33.27 - paperReference : undefined,
      },
    ].map(({ what, effect, paper }) => {
      const told =
        paper === undefined ? 'no figure in the paper' : `in the paper ${change({ value: paper }, 2)}: ${verdict(effect, 0, 'above')}`;
      return `${what}: ${change(effect, 2)} BLEU, ${told}${options.seeds === 1 ? ' (one seed)' : ''}.`;
    });
    const ensembles = [...new Set(measured.flatMap((one) => (modelsOf(one) < 2 ? [] : [`${one.copies.length} of ${modelsOf(one)}`])))];
    return {
      head: ['system', 'beam', 'trainings', 'test BLEU', `effect relative to ${names.reversed}, beam ${options.beam}`, 'paper'],
      rows: measured.map((one, index) => [
        one.name,
        String(one.beam),
        `${one.copies.length} × ${modelsOf(one)}`,
        written(scores[index] as Estimated, 1),
        effects[index] === undefined ? '' : change(effects[index], 1),
        inPaper(one) === undefined || one === reference ? '' : change({ value: inPaper(one) ?? 0 }, 2),
      ]),
      conclusions: [
        ...conclusions,
        `Single models: ${seedsWritten(options.seeds)}. Ensembles: ${ensembles.join(', ')} models; no model is in two ensembles of the same size. Intervals are 95 %: over trainings if both sides have three or more, otherwise over test sentences, which does not show how other seeds would have turned out.`,
      ],
      plots: [
        categoryPlot({
          title: 'Table 1: effects',
          note: '95 % intervals; 0 means no effect',
          x: 'system, with its beam size below',
          y: { label: `BLEU − BLEU of ${names.reversed}, beam ${options.beam}`, include: 0 },
          categories: measured
            .filter((one) => one !== reference)
            .map(({ name, beam }) => ({
              name: name.replace('single ', '').replace('reversed', 'rev.').replace('forward', 'fwd'),
              note: String(beam),
            })),
          series: [
            { name: 'here', values: effects.filter((effect) => effect !== undefined) },
            {
              name: 'paper',
              values: measured
                .filter((one) => one !== reference)
                .map((one) => (inPaper(one) === undefined ? undefined : { value: inPaper(one) ?? 0 })),
            },
          ],
        }),
      ],
      figures: {
        measured: measured.map((one, index) => ({
          ...{ name: one.name, beam: one.beam, paper: one.paper, bleu: one.bleu, models: modelsOf(one) },
          effect: effects[index],
        })),
      },
    };
  },
};

const names = { forward: 'single forward', reversed: 'single reversed' } as const;

function ensembleName(members: number): string {
  return `${members} reversed`;
}

function systemsOf(study: Study<typeof options>, forward: readonly Train[], reversed: readonly Train[]): System[] {
  const { seeds, members, beam } = study.options;
  const system = (name: string, groups: readonly (readonly Train[])[], beam: number, paper: number | undefined): System => ({
    ...{ name, beam, paper },
    copies: groups.map((models) => translate(models, study.test, beam)),
  });
  const single = (of: readonly Train[]) => groupsOf(of.slice(0, seeds), 1);
  const ofPaper = (bleu: number) => (members === 5 ? bleu : undefined);
  const systems = [
    system(names.forward, single(forward), beam, 26.17),
    system(names.reversed, single(reversed), 1, undefined),
    system(names.reversed, single(reversed), 2, undefined),
    system(names.reversed, single(reversed), beam, paperReference),
    system(ensembleName(members), groupsOf(reversed, members), 1, ofPaper(33.0)),
    ...(members > 2 ? [system(ensembleName(2), groupsOf(reversed, 2), beam, 33.27)] : []),
    system(ensembleName(members), groupsOf(reversed, members), 2, ofPaper(34.5)),
    system(ensembleName(members), groupsOf(reversed, members), beam, ofPaper(34.81)),
  ];
  // With a beam of 1 or 2 a row occurs twice; the one with a figure in the paper stays.
  return systems.filter(({ name, beam }, index) => !systems.slice(index + 1).some((later) => later.name === name && later.beam === beam));
}

/** As many disjoint groups of this size as possible; they differ only in their seeds. */
function groupsOf(trainings: readonly Train[], size: number): Train[][] {
  return Array.from({ length: Math.floor(trainings.length / size) }, (_, group) => trainings.slice(group * size, (group + 1) * size));
}

/** The number of models in each copy of a system. */
function modelsOf({ copies }: System): number {
  return copies[0]?.models.length ?? 0;
}

/** The difference between two systems: see `effectOnBleu`. */
async function effectOf(reference: ScoredSystem, one: ScoredSystem, signal: AbortSignal | undefined): Promise<Estimated> {
  // The same models with another beam: differences are taken per model.
  if (one.name === reference.name && isOverCopies(reference) && isOverCopies(one)) return meanDifference(reference.bleu, one.bleu);
  return effectOnBleu(reference, one, signal);
}

function negative({ value, low, high }: Estimated): Estimated {
  return low === undefined || high === undefined ? { value: -value } : { value: -value, low: -high, high: -low };
}
