import { DecadeError } from '../../core/errors.js';
import { randomKey, uniformInteger } from '../../core/random.js';
import { supportedLanguage } from './languages.js';

/**
 * The embedded corpus: sentence pairs written by the internationalisation data (Unicode CLDR) that ships inside the
 * runtime. A category draws an idea (a date, an amount, a list of countries), and `Intl` says the same idea in both
 * languages. No word of either language stands in this file: it holds codes of countries, languages, currencies,
 * units and time zones only.
 */
export const intlCategories = ['dates', 'times', 'durations', 'relative times', 'quantities', 'money', 'lists', 'names'] as const;
export type IntlCategory = (typeof intlCategories)[number];

export interface CategorisedPair {
  source: string;
  target: string;
  category: IntlCategory;
}

export interface IntlCorpusOptions {
  /** Language of the source: a BCP 47 tag that the runtime has data for, e.g. `en` or `pt-BR`. */
  from: string;
  /** Language of the target. */
  to: string;
  /** Draws the ideas; the same seed on the same runtime gives the same corpus. Default 1. */
  seed?: number;
  /** Training pairs: 1 to 100,000. Default 16,000. */
  pairs?: number;
  /** Pairs in each of dev and test: 0 to 10,000, rounded up to the same number of each category. Default 400. */
  heldOut?: number;
}

/**
 * Training pairs, and held-out pairs that are new combinations of words which training has seen on both sides. The
 * categories take turns, so any stretch of a part holds them in equal shares.
 */
export interface IntlCorpus {
  train: CategorisedPair[];
  dev: CategorisedPair[];
  test: CategorisedPair[];
  categories: readonly IntlCategory[];
}

export const intlDefaults = { seed: 1, pairs: 16_000, heldOut: 400 } as const;

/**
 * Generates the corpus. Throws `usage` for a language that the runtime does not have, and when more pairs are asked
 * for than the categories can say differently.
 */
export function intlCorpus(options: IntlCorpusOptions): IntlCorpus {
  const steps = composing(options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** As `intlCorpus`, in between letting signals and timers through: a hundred thousand pairs take a minute. */
export async function composeIntlCorpus(options: IntlCorpusOptions): Promise<IntlCorpus> {
  const steps = composing(options);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

const pairsOfAStep = 512;

function* composing(options: IntlCorpusOptions): Generator<undefined, IntlCorpus> {
  const { from, to, seed = intlDefaults.seed, pairs = intlDefaults.pairs, heldOut = intlDefaults.heldOut } = options;
  requireInteger('pairs', pairs, 1, 100_000);
  requireInteger('heldOut', heldOut, 0, 10_000);
  requireInteger('seed', seed, 0, 0xffff_ffff);
  const where = `intl:${from}:${to}`;
  const source = new Voice(supportedLanguage(from, where));
  const target = new Voice(supportedLanguage(to, where));
  if (source.language === target.language) {
    throw new DecadeError('usage', { where, received: `'${from}' for both languages`, allowed: 'two different languages' });
  }
  const sources = new Set<string>();
  const targets = new Set<string>();
  const keep = (pair: CategorisedPair): CategorisedPair => {
    sources.add(pair.source);
    targets.add(pair.target);
    return pair;
  };
  const names = commonNames(source, target);
  const streams = intlCategories.map((category) => sayings(category, names, source, target, seed));
  const draw = (position: number, fits: (saying: Saying) => boolean, next: string): CategorisedPair => {
    const stream = streams[position % streams.length] as Generator<Saying, never>;
    for (let attempt = 0; attempt < maximumAttempts; attempt++) {
      const saying = stream.next().value;
      if (fits(saying)) return keep(saying.pair);
    }
    throw new DecadeError('usage', {
      where,
      received: `${pairs} training and ${heldOut} held-out pairs asked for, but no new sentence of '${intlCategories[position % streams.length]}' found after ${sources.size}`,
      next,
    });
  };
  function* take(count: number, fits: (saying: Saying) => boolean, next: string): Generator<undefined, CategorisedPair[]> {
    const taken: CategorisedPair[] = [];
    while (taken.length < count) {
      taken.push(draw(taken.length, fits, next));
      if (taken.length % pairsOfAStep === 0) yield;
    }
    return taken;
  }

  const train = yield* take(pairs, ({ pair }) => !sources.has(pair.source), 'ask for fewer pairs');
  const sourceWords = new WordSet(source.language, train, (pair) => pair.source);
  const targetWords = new WordSet(target.language, train, (pair) => pair.target);
  const isNewCombination = ({ pair, single }: Saying): boolean =>
    !single &&
    !sources.has(pair.source) &&
    !targets.has(pair.target) &&
    sourceWords.hasAllOf(pair.source) &&
    targetWords.hasAllOf(pair.target);
  const balanced = Math.ceil(heldOut / intlCategories.length) * intlCategories.length;
  const advice = 'use more training pairs or fewer held-out pairs';
  const dev = yield* take(balanced, isNewCombination, advice);
  const test = yield* take(balanced, isNewCombination, advice);
  return { train, dev, test, categories: intlCategories };
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new DecadeError('usage', {
    where: `intl corpus, ${name}`,
    received: String(value),
    allowed: `an integer from ${least} to ${most}`,
  });
}

/** Draws in a row without a new sentence after which a category counts as exhausted. */
const maximumAttempts = 2_000;

/** One idea in both languages. */
interface Saying {
  pair: CategorisedPair;
  single: boolean;
}

function* sayings(category: IntlCategory, names: NamesOfKind, source: Voice, target: Voice, seed: number): Generator<Saying, never> {
  const draw = new Draw(randomKey(seed, 'corpus', intlCategories.indexOf(category)));
  for (;;) {
    const idea = ideas[category](draw, names);
    yield { pair: { source: idea.say(source), target: idea.say(target), category }, single: idea.single === true };
  }
}

/** Something that can be said in every language. */
interface Idea {
  say(voice: Voice): string;
  /** A single name: it combines nothing, so it belongs to training only (an unseen name cannot be guessed). */
  single?: boolean;
}

const days = 86_400_000;
const firstDay = Date.UTC(1970, 0, 1);
const daysOfSixtyYears = 21_915;
/** A week of January: time zones are in their northern winter. */
const firstMoment = Date.UTC(2024, 0, 1);
const halfHour = 1_800_000;
const halfHoursOfAWeek = 336;

const dateStyles: readonly Intl.DateTimeFormatOptions[] = [
  { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' },
  { day: 'numeric', month: 'long', year: 'numeric' },
  { weekday: 'long', day: 'numeric', month: 'long' },
  { day: 'numeric', month: 'long' },
  { month: 'long', year: 'numeric' },
];
const clock: Intl.DateTimeFormatOptions = { hour: 'numeric', minute: '2-digit' };
const zones = codes(
  'Europe/London Europe/Paris Europe/Athens Europe/Moscow Asia/Tokyo Asia/Kolkata Asia/Shanghai America/New_York America/Los_Angeles America/Sao_Paulo',
);
/** Units of a duration, largest first, each with the highest count that does not make up the next. */
const durationUnits = [
  { unit: 'year', most: 30 },
  { unit: 'month', most: 11 },
  { unit: 'day', most: 30 },
  { unit: 'hour', most: 23 },
  { unit: 'minute', most: 59 },
  { unit: 'second', most: 59 },
] as const;
const relativeUnits = ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second'] as const;
const units = codes(
  'meter kilometer centimeter millimeter mile foot inch yard gram kilogram pound ounce liter milliliter gallon hectare acre celsius fahrenheit degree percent byte kilobyte megabyte gigabyte',
);
const amountsOfARate = codes('meter kilometer mile gram kilogram liter byte megabyte gigabyte');
const times = codes('second minute hour day');
const currencies = codes('EUR USD GBP JPY CHF CAD AUD CNY INR BRL MXN SEK NOK DKK PLN CZK HUF TRY ILS EGP ZAR KRW THB ARS');
const languages = codes(
  'en fr de es it pt nl sv da nb fi is pl cs sk hu ro bg el ru uk tr ar he fa hi bn ta ur zh ja ko vi th id ms sw zu am ga cy eu',
);
const scripts = codes('Latn Cyrl Arab Grek Hebr Deva');
const countries = codes(
  'FR DE ES IT PT NL BE CH AT IE GB IS NO SE FI DK PL CZ SK HU RO BG GR TR UA RU GE AM EG MA DZ TN SN ML NG GH CM KE TZ ET ZA MG IL JO LB SA IR IQ IN PK NP LK BD CN MN JP KR VN TH KH ID MY PH AU NZ US CA MX CU JM HT GT CO VE EC PE BO CL AR BR UY',
);

const ideas: Record<IntlCategory, (draw: Draw, names: NamesOfKind) => Idea> = {
  dates(draw) {
    const style = draw.oneOf(dateStyles);
    const moment = firstDay + draw.upTo(daysOfSixtyYears) * days;
    return { say: (voice) => voice.date(moment, style) };
  },

  times(draw) {
    const moment = firstMoment + draw.upTo(halfHoursOfAWeek) * halfHour;
    const onSomeDay = firstDay + draw.upTo(daysOfSixtyYears) * days + (moment % days);
    const timeZone = draw.oneOf(zones);
    const say: Idea['say'] = draw.oneOf<Idea['say']>([
      (voice) => voice.date(moment, { ...clock, weekday: 'long' }),
      (voice) => voice.date(onSomeDay, { dateStyle: 'long', timeStyle: 'short' }),
      (voice) => voice.date(moment, { ...clock, timeZone, timeZoneName: 'long' }),
    ]);
    return { say };
  },

  // The parts joined as Intl.DurationFormat joins them (ECMA-402, style 'long'), which Node has only from version 23 on.
  durations(draw) {
    const largest = draw.upTo(durationUnits.length - 1);
    const parts = durationUnits.slice(largest, largest + draw.between(2, 3)).map(({ unit, most }) => ({ unit, value: draw.count(most) }));
    return {
      say: (voice) =>
        voice.list(
          'unit',
          parts.map(({ unit, value }) => voice.quantity(value, unit)),
        ),
    };
  },

  'relative times'(draw) {
    const moments = Array.from({ length: draw.between(1, 2) }, () => ({
      unit: draw.oneOf(relativeUnits),
      value: (draw.count(31) - 1) * draw.oneOf([-1, 1]),
    }));
    return {
      say: (voice) =>
        voice.list(
          'disjunction',
          moments.map(({ unit, value }) => voice.relative(value, unit)),
        ),
    };
  },

  quantities(draw) {
    const quantity = (): { value: number; unit: string } => {
      const isRate = draw.upTo(2) === 0;
      return {
        value: draw.upTo(4) === 0 ? draw.count(9) - 0.5 : draw.count(60),
        unit: isRate ? `${draw.oneOf(amountsOfARate)}-per-${draw.oneOf(times)}` : draw.oneOf(units),
      };
    };
    const quantities = Array.from({ length: draw.between(1, 2) }, quantity);
    return {
      say: (voice) =>
        voice.list(
          'conjunction',
          quantities.map(({ value, unit }) => voice.quantity(value, unit)),
        ),
    };
  },

  money(draw, names) {
    const amounts = Array.from({ length: draw.between(1, 2) }, () => ({
      value: draw.upTo(3) === 0 ? draw.between(1, 30) * 100 : draw.count(60),
      currency: draw.oneOf(names.currency),
    }));
    return {
      say: (voice) =>
        voice.list(
          'disjunction',
          amounts.map(({ value, currency }) => voice.money(value, currency)),
        ),
    };
  },

  lists(draw, names) {
    const type = draw.oneOf(['conjunction', 'disjunction'] as const);
    const kind = draw.oneOf(nameKinds);
    const items = draw.several(draw.between(2, 4), names[kind]);
    return {
      say: (voice) =>
        voice.list(
          type,
          items.map((code) => voice.name(kind, code)),
        ),
    };
  },

  names(draw, names) {
    const shape = draw.upTo(4);
    if (shape === 0) {
      const kind = draw.oneOf(['region', 'language', 'currency'] as const);
      const code = draw.oneOf(names[kind]);
      return { say: (voice) => voice.name(kind, code), single: true };
    }
    const script = shape === 1 ? `-${draw.oneOf(names.script)}` : '';
    const code = `${draw.oneOf(names.language)}${script}-${draw.oneOf(names.region)}`;
    return { say: (voice) => voice.name('language', code) };
  },
};

type CodedKind = 'region' | 'language' | 'script' | 'currency';
type NameKind = CodedKind | 'weekday' | 'month';
type NamesOfKind = Readonly<Record<NameKind, readonly string[]>>;
const nameKinds: readonly NameKind[] = ['region', 'region', 'language', 'currency', 'weekday', 'month'];

/** The codes that have a name in both languages; all of them where that is less than half, and codes stand for names. */
function commonNames(source: Voice, target: Voice): NamesOfKind {
  const common = (kind: CodedKind, candidates: readonly string[]): readonly string[] => {
    const found = candidates.filter((code) => source.hasName(kind, code) && target.hasName(kind, code));
    return 2 * found.length >= candidates.length ? found : candidates;
  };
  return {
    region: common('region', countries),
    language: common('language', languages),
    script: common('script', scripts),
    currency: common('currency', currencies),
    weekday: codes('1 2 3 4 5 6 7'),
    month: codes('1 2 3 4 5 6 7 8 9 10 11 12'),
  };
}

function codes(list: string): readonly string[] {
  return list.split(' ');
}

/** One language's formatters, each made once. */
class Voice {
  readonly language: string;
  readonly #formatters = new Map<string, unknown>();

  /** `language` as `supportedLanguage` gives it. */
  constructor(language: string) {
    this.language = language;
  }

  date(moment: number, options: Intl.DateTimeFormatOptions): string {
    const settings = { timeZone: 'UTC', calendar: 'gregory', ...options };
    return this.#formatter(`date ${JSON.stringify(options)}`, () => new Intl.DateTimeFormat(this.language, settings)).format(moment);
  }

  quantity(value: number, unit: string): string {
    const settings = { style: 'unit', unit, unitDisplay: 'long' } as const;
    return this.#formatter(`quantity ${unit}`, () => new Intl.NumberFormat(this.language, settings)).format(value);
  }

  money(value: number, currency: string): string {
    const settings = { style: 'currency', currency, currencyDisplay: 'name', maximumFractionDigits: 0 } as const;
    return this.#formatter(`money ${currency}`, () => new Intl.NumberFormat(this.language, settings)).format(value);
  }

  relative(value: number, unit: Intl.RelativeTimeFormatUnit): string {
    const settings = { numeric: 'auto' } as const;
    return this.#formatter('relative', () => new Intl.RelativeTimeFormat(this.language, settings)).format(value, unit);
  }

  list(type: 'conjunction' | 'disjunction' | 'unit', items: readonly string[]): string {
    const settings = { type, style: 'long' } as const;
    return this.#formatter(`list ${type}`, () => new Intl.ListFormat(this.language, settings)).format(items);
  }

  /** The name of what a code stands for, or the code itself where the language has no name for it. */
  name(kind: NameKind, code: string): string {
    // 5 January 1970 was a Monday.
    if (kind === 'weekday') return this.date(firstDay + (Number(code) + 3) * days, { weekday: 'long' });
    if (kind === 'month') return this.date(Date.UTC(1970, Number(code) - 1, 1), { month: 'long' });
    return this.#displayNames(kind).of(code) ?? code;
  }

  hasName(kind: CodedKind, code: string): boolean {
    return this.#displayNames(kind).of(code) !== undefined;
  }

  #displayNames(type: CodedKind): Intl.DisplayNames {
    const settings = { type, languageDisplay: 'standard', fallback: 'none' } as const;
    return this.#formatter(`name ${type}`, () => new Intl.DisplayNames(this.language, settings));
  }

  /** `key` names the kind of formatter and all of its settings that vary. */
  #formatter<Formatter>(key: string, make: () => Formatter): Formatter {
    let formatter = this.#formatters.get(key) as Formatter | undefined;
    if (formatter === undefined) {
      formatter = make();
      this.#formatters.set(key, formatter);
    }
    return formatter;
  }
}

/** A stream of random choices, the same for the same key. */
class Draw {
  readonly #key: number;
  #count = 0;

  constructor(key: number) {
    this.#key = key;
  }

  /** An integer in [0, bound). */
  upTo(bound: number): number {
    return uniformInteger(this.#key, this.#count++, bound);
  }

  /** An integer in [low, high]. */
  between(low: number, high: number): number {
    return low + this.upTo(high - low + 1);
  }

  /** An integer in [1, most], half of the time below 5: where grammar depends on number, it does so for small ones. */
  count(most: number): number {
    return this.between(1, this.upTo(2) === 0 ? Math.min(4, most) : most);
  }

  oneOf<Item>(items: readonly Item[]): Item {
    return items[this.upTo(items.length)] as Item;
  }

  /** `count` different items. */
  several<Item>(count: number, items: readonly Item[]): Item[] {
    const chosen = new Set<Item>();
    while (chosen.size < Math.min(count, items.length)) chosen.add(this.oneOf(items));
    return [...chosen];
  }
}

/**
 * The words of one side of the training set: what Unicode's word boundaries cut out (numbers and punctuation too) and,
 * in a language that writes spaces between words, also everything between two spaces (`1985,`).
 */
class WordSet {
  readonly #segmenter: Intl.Segmenter;
  readonly #segments = new Map<string, Intl.SegmentData[]>();
  readonly #words = new Set<string>();
  readonly #pieces = new Set<string>();
  readonly #writesSpaces: boolean;

  constructor(language: string, pairs: readonly CategorisedPair[], side: (pair: CategorisedPair) => string) {
    this.#segmenter = new Intl.Segmenter(language, { granularity: 'word' });
    let pieceCount = 0;
    let wordLike = 0;
    for (const pair of pairs) {
      for (const piece of spacedPieces(side(pair))) {
        const segments = this.#segmentsOf(piece);
        pieceCount++;
        wordLike += segments.filter(({ isWordLike }) => isWordLike === true).length;
        this.#pieces.add(piece);
        for (const { segment } of segments) this.#words.add(segment);
      }
    }
    this.#writesSpaces = wordLike < 2 * pieceCount;
  }

  hasAllOf(sentence: string): boolean {
    return spacedPieces(sentence).every(
      (piece) =>
        (!this.#writesSpaces || this.#pieces.has(piece)) && this.#segmentsOf(piece).every(({ segment }) => this.#words.has(segment)),
    );
  }

  #segmentsOf(piece: string): Intl.SegmentData[] {
    let segments = this.#segments.get(piece);
    if (segments === undefined) {
      segments = [...this.#segmenter.segment(piece)];
      this.#segments.set(piece, segments);
    }
    return segments;
  }
}

function spacedPieces(sentence: string): string[] {
  return sentence.split(/\s+/u).filter((piece) => piece !== '');
}
