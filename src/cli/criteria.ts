import { type Command, Option } from 'commander';
import { DecadeError } from '../core/errors.js';
import { CutScores } from '../decoding/cut-scores.js';
import type { Criterion } from '../decoding/selection/criterion.js';
import { channel, languageModel, lengthRatio } from '../decoding/selection/model-criteria.js';
import { scorer } from '../decoding/selection/scorer.js';
import type { LoadedModel } from '../loaded-model.js';
import { ScorerCommand } from '../node/scorer-command.js';
import { type DeviceChoice, gathered, numberFrom } from './arguments.js';
import { openModel } from './model.js';
import { warn } from './warning.js';

/** What other models and programs say of candidates. */
export interface CriteriaChoice extends DeviceChoice {
  channel?: string[];
  lm?: string[];
  scorer?: string;
  scorerFormat?: 'json' | 'tsv';
  scorerTimeout?: number;
}

/** Criteria of a selection that need something from outside, and `length`, which goes with them. */
export const outsideCriteria = ['channel', 'lm', 'scorer', 'length'] as const;
type OutsideCriterion = (typeof outsideCriteria)[number];

export function withCriteriaOptions(command: Command): Command {
  return command
    .option('--channel <RUN,...>', 'of channel: a model that translates the other way, for log p(source | candidate)', gathered)
    .option('--lm <RUN,...>', 'of lm: a language model, for log p(candidate)', gathered)
    .option('--scorer <command>', 'of scorer: a program that reads `source <tab> candidate` lines and writes a number for each, at once')
    .addOption(
      new Option('--scorer-format <format>', 'lines that it reads: tsv, or json {"source", "candidate"} (default: tsv)').choices([
        'tsv',
        'json',
      ]),
    )
    .option('--scorer-timeout <seconds>', 'how long it may take for the candidates of a line (default: 60)', numberFrom(0.01, 86_400));
}

/** The criteria that options name. Models are opened by `open`, or when they are first asked; a scorer that fails is told and left out. */
export class OutsideCriteria {
  readonly #choice: CriteriaChoice;
  readonly #command: ScorerCommand | undefined;
  readonly #models = new Map<string, Promise<LoadedModel>>();
  /** What the channel was asked. */
  readonly #cut = new CutScores();
  /** What a scorer failed of. */
  fault: unknown;

  constructor(choice: CriteriaChoice) {
    this.#choice = choice;
    const { scorer: command, scorerFormat = 'tsv', scorerTimeout = 60 } = choice;
    this.#command = command === undefined ? undefined : new ScorerCommand(command, { format: scorerFormat, seconds: scorerTimeout });
  }

  /** Throws `usage` where the option that it needs is missing. */
  of(name: OutsideCriterion): Criterion {
    if (name === 'length') return lengthRatio;
    if (this.#choice[name] === undefined) {
      throw new DecadeError('usage', { where: `--select ${name}`, received: `no --${name}`, next: `use --${name} as well` });
    }
    if (name === 'scorer' && this.#choice.scorer?.trim() === '') {
      throw new DecadeError('usage', { where: '--scorer', received: 'an empty command', allowed: 'a program that scores' });
    }
    if (name === 'scorer') {
      const command = this.#command as ScorerCommand;
      const onFault = (fault: unknown) => {
        this.fault = fault;
        warn(fault instanceof Error ? fault : new Error(String(fault)));
      };
      return scorer(command.score, { onFault });
    }
    const onCut = (warning: DecadeError) => this.#cut.add(warning);
    const make = name === 'channel' ? (model: LoadedModel) => channel(model, { onCut }) : languageModel;
    return { name, valuations: async (lists, control) => make(await this.#model(name, control.signal)).valuations(lists, control) };
  }

  /** Opens the models, so that what is wrong with them is known before anything is computed. */
  async open(signal: AbortSignal): Promise<void> {
    for (const name of ['channel', 'lm'] as const) if (this.#choice[name] !== undefined) await this.#model(name, signal);
  }

  /** For when the rest is done: tells how much was scored cut short, and throws what a scorer failed of. */
  finish(): void {
    const warning = this.#cut.warning('--select channel');
    if (warning !== undefined) warn(warning);
    if (this.fault === undefined) return;
    if (!(this.fault instanceof DecadeError)) throw this.fault;
    const { parts, kind } = this.fault;
    throw new DecadeError(kind, { ...parts, received: `${parts.received}; lines from there on were chosen without it` });
  }

  async dispose(): Promise<void> {
    await this.#command?.dispose();
    for (const model of this.#models.values()) await (await model.catch(() => undefined))?.dispose();
  }

  #model(name: 'channel' | 'lm', signal: AbortSignal = new AbortController().signal): Promise<LoadedModel> {
    const known = this.#models.get(name) ?? openModel(this.#choice[name] ?? [], this.#choice, signal);
    this.#models.set(name, known);
    return known;
  }
}
