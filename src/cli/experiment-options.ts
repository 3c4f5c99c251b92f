import { Option } from 'commander';
import * as z from 'zod';
import { experiments } from '../experiments/catalogue/index.js';
import type { Experiment } from '../experiments/experiment.js';

const catalogue = Object.entries<Experiment>(experiments);

/** The options of experiments, for the parser. The help text shows them with their experiments; the library checks them. */
export function experimentOptions(): Option[] {
  const flags = new Set(catalogue.flatMap(([, { options }]) => Object.entries(options).map(([name, schema]) => flagOf(name, schema))));
  return Array.from(flags, (flag) => new Option(flag).argParser(numberOrText).hideHelp());
}

/** Every experiment with its options, as lines of help. */
export function experimentsHelp(): string {
  return catalogue
    .flatMap(([name, { title, source, options }]) => [
      `  ${name.padEnd(14)} ${title} (${source.paper}, ${source.where})`,
      ...Object.entries(options).map(
        ([option, schema]) => `${' '.repeat(19)}${flagOf(option, schema).padEnd(30)} ${descriptionOf(schema)}`,
      ),
    ])
    .join('\n');
}

/** `--timed-updates <number>` */
function flagOf(name: string, schema: z.ZodType): string {
  const value = withoutDefault(schema);
  const long = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `--${long} <${value instanceof z.ZodEnum ? value.options.join('|') : value instanceof z.ZodString ? 'text' : 'number'}>`;
}

/** `beam size (1 to 1000, default: 12)` */
function descriptionOf(schema: z.ZodType): string {
  const value = withoutDefault(schema);
  const range = value instanceof z.ZodNumber ? `${value.minValue} to ${value.maxValue}, ` : '';
  const usual =
    schema instanceof z.ZodDefault
      ? `default: ${schema.def.defaultValue}`
      : schema instanceof z.ZodOptional
        ? 'default: none'
        : 'no default';
  return `${schema.description} (${range}${usual})`;
}

function withoutDefault(schema: z.ZodType): unknown {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? schema.unwrap() : schema;
}

function numberOrText(text: string): number | string {
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
}
