type Labels = Readonly<Record<string, string>>;

/** Seconds, and sizes of batches. */
const secondBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const sizeBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** What a Prometheus server reads: https://prometheus.io/docs/instrumenting/exposition_formats. */
export class Metrics {
  readonly requests = new Counter('decade_http_requests_total', 'Requests by route, method and status.');
  readonly inFlight = new Gauge('decade_http_requests_in_flight', 'Requests that are being answered.');
  readonly duration = new Histogram('decade_http_request_duration_seconds', 'Time until a request was answered.', secondBuckets);
  readonly characters = new Counter('decade_characters_total', 'Characters of texts that were accepted.');
  readonly batchSize = new Histogram('decade_batch_sentences', 'Sentences that shared a batch.', sizeBuckets);
  readonly waiting = new Gauge('decade_queue_sentences', 'Sentences that wait for a batch.');
  readonly reloads = new Counter('decade_model_reloads_total', 'Models that were loaded again, by result.');
  readonly memory = new Gauge('decade_resident_memory_bytes', 'Memory of the process.');

  text(): string {
    const { requests, inFlight, duration, characters, batchSize, waiting, reloads, memory } = this;
    return [requests, inFlight, duration, characters, batchSize, waiting, reloads, memory].map((metric) => metric.text()).join('');
  }
}

abstract class Metric {
  readonly name: string;
  readonly #help: string;
  readonly #type: string;

  constructor(name: string, help: string, type: string) {
    this.name = name;
    this.#help = help;
    this.#type = type;
  }

  abstract lines(): string[];

  text(): string {
    return [`# HELP ${this.name} ${this.#help}`, `# TYPE ${this.name} ${this.#type}`, ...this.lines(), ''].join('\n');
  }
}

abstract class LabelledValues extends Metric {
  protected readonly values = new Map<string, number>();

  lines(): string[] {
    return [...this.values].map(([labels, value]) => `${this.name}${labels} ${value}`);
  }
}

class Counter extends LabelledValues {
  constructor(name: string, help: string) {
    super(name, help, 'counter');
  }

  add(labels: Labels = {}, amount = 1): void {
    const key = written(labels);
    this.values.set(key, (this.values.get(key) ?? 0) + amount);
  }
}

class Gauge extends LabelledValues {
  constructor(name: string, help: string) {
    super(name, help, 'gauge');
  }

  set(value: number, labels: Labels = {}): void {
    this.values.set(written(labels), value);
  }
}

class Histogram extends Metric {
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, { readonly labels: Labels; readonly counts: number[]; sum: number; count: number }>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    super(name, help, 'histogram');
    this.#bounds = bounds;
  }

  observe(value: number, labels: Labels = {}): void {
    const key = written(labels);
    const series = this.#series.get(key) ?? { labels, counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
    this.#series.set(key, series);
    for (const [index, bound] of this.#bounds.entries()) if (value <= bound) series.counts[index] = (series.counts[index] ?? 0) + 1;
    series.sum += value;
    series.count++;
  }

  lines(): string[] {
    return [...this.#series].flatMap(([key, { labels, counts, sum, count }]) => [
      ...this.#bounds.map((bound, index) => `${this.name}_bucket${written({ ...labels, le: String(bound) })} ${counts[index]}`),
      `${this.name}_bucket${written({ ...labels, le: '+Inf' })} ${count}`,
      `${this.name}_sum${key} ${sum}`,
      `${this.name}_count${key} ${count}`,
    ]);
  }
}

function written(labels: Labels): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return '';
  const escaped = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
  return `{${entries.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}
