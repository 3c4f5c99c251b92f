import { Command } from 'commander';
import { fitGroups, type FittedTable } from '../../analysis/scaling/fit.js';
import { fitPage } from '../../analysis/scaling/fit-page.js';
import type { Estimate, SlopeDifference } from '../../analysis/scaling/line.js';
import { type PointOptions, type PointTable, pointsOf } from '../../analysis/scaling/points.js';
import {
  describeDeviations,
  describeDifference,
  describeProbability,
  groupName,
  inDecimals,
  inShares,
  slopeName,
  whyNotCompared,
} from '../../analysis/scaling/wording.js';
import { DecadeError } from '../../core/errors.js';
import { gathered } from '../arguments.js';
import { pagePath, print, printJson, writeWhole } from '../output.js';
import { tableRows } from '../table-input.js';
import { warn } from '../warning.js';

interface FitArguments {
  x: string;
  y: string;
  group?: string;
  name?: string;
  log?: boolean;
  exclude?: string[];
  out?: string;
  json?: boolean;
}

const defaultPage = 'fit.html';
/** Lines and groups that are left out are named up to so many; the page lists all. */
const mostNamed = 5;
/** Differences of groups that are printed. */
const mostTests = 10;

export function scaleFitCommand(): Command {
  return new Command('fit')
    .description('Fit a line, or with --log a power law, to the points of a table, and test whether groups differ in their slope.')
    .argument('<TABLE>', 'a .csv or .tsv file with column names in its first line')
    .requiredOption('--x <COLUMN>', 'what is given')
    .requiredOption('--y <COLUMN>', 'what follows from it')
    .option('--group <COLUMN>', 'fit the points of each group by themselves')
    .option('--name <COLUMN>', 'what points are called (default: the first of the other columns)')
    .option('--log', 'logarithms of both: y = c x^b')
    .option('--exclude <NAME...>', 'points to leave out', gathered)
    .option('--out <FILE>', `page to write (default: ${defaultPage})`)
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ decade scale fit brains.csv --x body --y brain --group order --log
  $ decade scale fit runs.tsv --x tokens --y loss --log --exclude small-1 small-2 --json`,
    )
    .action(fit);
}

async function fit(path: string, options: FitArguments): Promise<void> {
  const { log = false } = options;
  const out = await pagePath(options.out, defaultPage);
  const columns: PointOptions = {
    x: options.x,
    y: options.y,
    group: options.group,
    name: options.name,
    where: path,
    isLogarithmic: log,
    excluded: options.exclude ?? [],
  };
  const points = pointsOf(await tableRows(path), columns);
  const fitted = fitGroups(points, log);
  const notCompared = whyNotCompared(fitted);
  for (const problem of problemsOf(path, points, fitted)) warn(new Error(problem));
  if (notCompared !== undefined) warn(new Error(`${path}: ${notCompared}`));
  if (fitted.groups.length === 0) {
    throw new DecadeError('input', {
      where: path,
      received: 'no group that a line can be fitted to',
      allowed: 'at least three points at two or more places',
    });
  }
  await writeWhole(out, await fitPage({ name: path, columns, points, fit: fitted }));
  if (options.json) await printJson(asJson(fitted, points, out));
  else await print(`${describe(fitted)}\n${out}`);
}

function problemsOf(path: string, { unusable }: PointTable, { unfitted }: FittedTable): string[] {
  const problems = [
    ...unusable.map(({ line, reason }) => `${path}: line ${line}: ${reason}: left out`),
    ...unfitted.map(({ name, reason }) => `${path}: ${groupName(name)}: ${reason}: no line`),
  ];
  const more = problems.length - mostNamed;
  return more > 0 ? [...problems.slice(0, mostNamed), `${path}: ${more.toLocaleString('en')} more of these`] : problems;
}

function describe(fitted: FittedTable): string {
  const { groups, differences } = fitted;
  const width = Math.max(...groups.map(({ name }) => groupName(name).length));
  const lines = groups.map(({ name, line: { points, slope, explained } }) => {
    const interval = `(${inDecimals(slope.low)} to ${inDecimals(slope.high)})`;
    return `${groupName(name).padEnd(width)}  ${points} points  ${slopeName(fitted)} ${inDecimals(slope.value)} ${interval}  R² ${inShares(explained)}`;
  });
  const tests = differences.slice(0, mostTests).flatMap(({ first, second, pooled, separate, adjusted }) => {
    const holm = differences.length > 1 ? ` (among all ${describeProbability(adjusted)})` : '';
    return [
      `${groupName(second.name)} over ${groupName(first.name)}: difference ${inDecimals(pooled.difference.value)}, ${describeDifference(pooled)}${holm}`,
      `  with a scatter for each: ${describeDifference(separate)}`,
    ];
  });
  const outliers = groups.flatMap(({ line }) => line.outliers.map(({ name, deviations }) => `${name} (${describeDeviations(deviations)})`));
  const more = differences.length - mostTests;
  if (more > 0) tests.push(`${more.toLocaleString('en')} more differences are on the page`);
  return [...lines, ...tests, `outliers: ${outliers.join(', ') || 'none'}`].join('\n');
}

function asJson({ isLogarithmic, groups, unfitted, differences }: FittedTable, { unusable, excluded }: PointTable, page: string): object {
  const test = ({ difference, t, degrees, probability }: SlopeDifference) => ({ ...difference, t, degrees, probability });
  const plain = ({ value, standardError, low, high }: Estimate) => ({ value, standardError, low, high });
  return {
    logarithmic: isLogarithmic,
    groups: groups.map(({ name, line: { points, slope, intercept, explained, scatter, outliers } }) => ({
      name,
      points,
      slope: plain(slope),
      intercept: plain(intercept),
      rSquared: explained,
      scatter,
      outliers,
    })),
    differences: differences.map(({ first, second, pooled, separate, adjusted }) => ({
      of: second.name,
      from: first.name,
      pooled: test(pooled),
      separate: test(separate),
      adjustedProbability: adjusted,
    })),
    unfitted,
    unusable,
    excluded,
    page,
  };
}
