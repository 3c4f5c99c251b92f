/** What one run of a contender measured. */
export interface Measurement {
  /** Training: source and target tokens. Decoding: tokens of the translations, `</s>` counted. */
  readonly wordsPerSecond: number;
  readonly sentencesPerSecond?: number | undefined;
  /** Of the speed of its own matrix products; only decade measures it. */
  readonly fractionOfBound?: number | undefined;
  /** The most memory the whole contender held. */
  readonly peakRssMiB: number;
  /** Of it parameters, gradients and moments, which every trainer needs. */
  readonly stateMiB?: number | undefined;
  /** Share of the machine's processor time that went to other processes meanwhile; undefined where nobody knows. */
  readonly disturbance?: number | undefined;
  /** How it was set up, and what a reader must know. */
  readonly note?: string | undefined;
}

/** A round counts as calm when others used no more of the machine than this. */
export const calm = 0.08;

/**
 * What a contender is compared as: PyTorch as people usually run it (one process, f32, at its best setting of threads), a peer at
 * whatever makes it fastest, or decade.
 */
export type Role = 'usual' | 'peer' | 'decade';

/** One line of the table: medians over the calm rounds (over all where none was calm), and ratios to the peers. */
export interface Row extends Measurement {
  readonly subject: string;
  readonly contender: string;
  readonly role: Role;
  /** Those that count. */
  readonly rounds: number;
  /** Slowest and fastest round. */
  readonly wordsPerSecondRange: readonly [number, number];
  /** Speed over that of the subject's fastest usual peer; undefined when none was measured. */
  readonly speedRatio?: number | undefined;
  /** Speed over that of the subject's fastest peer of all. */
  readonly strongestRatio?: number | undefined;
  /** The fastest peer of all. */
  readonly strongest?: string | undefined;
  /** Memory over that of the usual peer. */
  readonly memoryRatio?: number | undefined;
  /** The same of what is neither parameter, gradient nor moment. */
  readonly workMemoryRatio?: number | undefined;
}

export interface Samples {
  readonly subject: string;
  readonly contender: string;
  readonly role: Role;
  /** A round each; may be empty. */
  readonly measurements: readonly Measurement[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below, above] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return below === undefined || above === undefined ? Number.NaN : (below + above) / 2;
}

/** A row for everything that was measured, in the given order. Which peer is a subject's fastest is decided by medians. */
export function compare(samples: readonly Samples[]): Row[] {
  const measured = samples.filter(({ measurements }) => measurements.length > 0);
  const rows = measured.map((sample) => ({ sample, row: summary(sample) }));
  return rows.map(({ row }) => {
    const fastest = (...roles: readonly Role[]) =>
      rows
        .filter((other) => roles.includes(other.sample.role) && other.row.subject === row.subject)
        .map((other) => other.row)
        .reduce<Row | undefined>(
          (best, other) => (best !== undefined && best.wordsPerSecond >= other.wordsPerSecond ? best : other),
          undefined,
        );
    const [usual, strongest] = [fastest('usual'), fastest('usual', 'peer')];
    return {
      ...row,
      speedRatio: usual && row.wordsPerSecond / usual.wordsPerSecond,
      strongestRatio: strongest && row.wordsPerSecond / strongest.wordsPerSecond,
      strongest: strongest?.contender,
      memoryRatio: usual && row.peakRssMiB / usual.peakRssMiB,
      workMemoryRatio: usual && ratioOf(workMiB(row), workMiB(usual)),
    };
  });
}

const workMiB = ({ peakRssMiB, stateMiB }: Measurement) => stateMiB && peakRssMiB - stateMiB;

const ratioOf = (a: number | undefined, b: number | undefined) => (a === undefined || b === undefined ? undefined : a / b);

function summary({ subject, contender, role, measurements: all }: Samples): Row {
  const calmOnes = all.filter(({ disturbance = 0 }) => disturbance <= calm);
  const measurements = calmOnes.length > 0 ? calmOnes : all;
  const disturbances = measurements.flatMap(({ disturbance }) => disturbance ?? []);
  const speeds = measurements.map(({ wordsPerSecond }) => wordsPerSecond);
  const medianOf = (figure: 'sentencesPerSecond' | 'fractionOfBound') => {
    const values = measurements.flatMap((measurement) => measurement[figure] ?? []);
    return values.length === 0 ? undefined : median(values);
  };
  return {
    ...{ subject, contender, role },
    rounds: measurements.length,
    wordsPerSecond: median(speeds),
    wordsPerSecondRange: [Math.min(...speeds), Math.max(...speeds)],
    sentencesPerSecond: medianOf('sentencesPerSecond'),
    fractionOfBound: medianOf('fractionOfBound'),
    peakRssMiB: Math.max(...measurements.map(({ peakRssMiB }) => peakRssMiB)),
    stateMiB: measurements.at(-1)?.stateMiB,
    disturbance: disturbances.length === 0 ? undefined : Math.max(...disturbances),
    note: measurements.at(-1)?.note,
  };
}

/** decade at its fastest on each subject, to be held against what it is meant to reach. */
export function fastestOfDecade(rows: readonly Row[]): Row[] {
  const subjects = [...new Set(rows.map(({ subject }) => subject))];
  return subjects.flatMap((subject) => {
    const own = rows.filter((row) => row.subject === subject && row.role === 'decade');
    return own.length === 0 ? [] : [own.reduce((best, row) => (row.wordsPerSecond > best.wordsPerSecond ? row : best))];
  });
}

interface Column {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align: 'left' | 'right';
}

const whole = (value: number) => Math.round(value).toLocaleString('en-US');
const ratio = (value: number | undefined) => (value === undefined ? '' : `${value.toFixed(2)}x`);

const percent = (value: number | undefined, digits: number) => (value === undefined ? '' : `${(100 * value).toFixed(digits)} %`);

const allColumns: readonly Column[] = [
  { title: '', cell: ({ subject }) => subject, align: 'left' },
  { title: 'contender', cell: ({ contender }) => contender, align: 'left' },
  { title: 'words/s', cell: ({ wordsPerSecond }) => whole(wordsPerSecond), align: 'right' },
  { title: 'slowest–fastest', cell: ({ wordsPerSecondRange: [low, high] }) => `${whole(low)}–${whole(high)}`, align: 'right' },
  { title: 'sentences/s', cell: ({ sentencesPerSecond }) => sentencesPerSecond?.toFixed(1) ?? '', align: 'right' },
  { title: 'to usual', cell: ({ speedRatio }) => ratio(speedRatio), align: 'right' },
  { title: 'to best', cell: ({ strongestRatio }) => ratio(strongestRatio), align: 'right' },
  { title: 'of bound', cell: ({ fractionOfBound }) => percent(fractionOfBound, 1), align: 'right' },
  { title: 'MiB', cell: ({ peakRssMiB }) => whole(peakRssMiB), align: 'right' },
  { title: 'memory', cell: ({ memoryRatio }) => ratio(memoryRatio), align: 'right' },
  { title: 'without state', cell: ({ workMemoryRatio }) => ratio(workMemoryRatio), align: 'right' },
  { title: 'others', cell: ({ disturbance }) => percent(disturbance, 0), align: 'right' },
  { title: 'rounds', cell: ({ rounds }) => String(rounds), align: 'right' },
  { title: '', cell: ({ note }) => note ?? '', align: 'left' },
];

const ratioColumns: readonly Column[] = [
  { title: '', cell: ({ subject }) => subject, align: 'left' },
  { title: 'decade', cell: ({ contender }) => contender, align: 'left' },
  { title: 'over usual', cell: ({ speedRatio }) => ratio(speedRatio), align: 'right' },
  { title: 'over best', cell: ({ strongestRatio }) => ratio(strongestRatio), align: 'right' },
  { title: 'best', cell: ({ strongest }) => strongest ?? '', align: 'left' },
  { title: 'memory', cell: ({ memoryRatio }) => ratio(memoryRatio), align: 'right' },
  { title: 'without state', cell: ({ workMemoryRatio }) => ratio(workMemoryRatio), align: 'right' },
];

/** Only ratios, for the rows of `fastestOfDecade`. */
export function ratioTable(rows: readonly Row[]): string {
  return table(rows, ratioColumns);
}

/** A Markdown table that also reads well in a terminal. Columns that are empty in every row are left out. */
export function table(rows: readonly Row[], columns: readonly Column[] = allColumns): string {
  const shown = columns.filter(({ cell }) => rows.some((row) => cell(row) !== ''));
  const widths = shown.map(({ title, cell }) => Math.max(3, title.length, ...rows.map((row) => cell(row).length)));
  const line = (cells: readonly string[]) =>
    `| ${cells
      .map((text, index) => (shown[index]?.align === 'right' ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0)))
      .join(' | ')} |`;
  return [
    line(shown.map(({ title }) => title)),
    line(
      shown.map(({ align }, index) => (align === 'right' ? `${'-'.repeat((widths[index] ?? 3) - 1)}:` : '-'.repeat(widths[index] ?? 3))),
    ),
    ...rows.map((row) => line(shown.map(({ cell }) => cell(row)))),
  ].join('\n');
}
