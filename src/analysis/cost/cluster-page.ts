import { html } from '../page/html.js';
import { figures, page, table } from '../page/page.js';
import { type Figure, linePlot } from '../page/plot.js';
import { type ClusterResult, type BatchScaling, scalings } from './cluster-simulation.js';

const names = { strong: 'one batch', weak: 'a batch for every node' } as const;
const strategies = ['data', 'pipeline'] as const;

/** Efficiency by nodes, a line for each strategy and way of scaling; undefined for one number of nodes. */
export function efficiencyPlot(results: readonly ClusterResult[]): Figure | undefined {
  if (new Set(results.map(({ nodes }) => nodes)).size < 2) return undefined;
  const series = strategies.flatMap((strategy) =>
    scalings.map((scaling) => ({
      name: `${strategy}, ${names[scaling]}`,
      points: results
        .filter((result) => result.strategy === strategy && result.scaling === scaling)
        .map(({ nodes, efficiency }) => ({ x: nodes, value: 100 * efficiency })),
    })),
  );
  return linePlot({
    title: 'Efficiency',
    note: '100 % is as many times the words per second of one node as there are nodes.',
    x: { label: 'nodes', scale: 'log' },
    y: { label: 'efficiency, %', include: 0 },
    series: series.filter(({ points }) => points.length > 0),
  });
}

/** A page of its own, without other files. */
export function clusterPage(title: string, results: readonly ClusterResult[]): Promise<string> {
  const plot = efficiencyPlot(results);
  const section = (scaling: BatchScaling) => ({
    id: scaling,
    title: scaling === 'strong' ? 'The same batch, whatever the number of nodes' : 'A batch for every node',
    body: resultsTable(results.filter((result) => result.scaling === scaling)),
  });
  return page({
    title,
    lead: html`Predicted from the figures of one device and of the network; nothing was measured on a cluster. Memory: with all of the optimizer’s averages on each node, and with each node’s share of them.`,
    sections: [...(plot === undefined ? [] : [{ id: 'efficiency', title: 'Efficiency', body: figures(plot) }]), ...scalings.map(section)],
  });
}

function resultsTable(results: readonly ClusterResult[]) {
  const head = ['nodes', 'strategy', 'words/s', 'efficiency, %', 'ms per update', 'network, %', 'GiB per node', 'GiB, divided', 'fits'];
  const rows = results.map(({ nodes, strategy, pipelines, wordsPerSecond, efficiency, seconds, communication, memory }) => [
    String(nodes),
    pipelines === undefined ? strategy : `${pipelines.replicas} pipelines of ${pipelines.devices} devices`,
    Math.round(wordsPerSecond).toLocaleString('en-US'),
    (100 * efficiency).toFixed(1),
    (1000 * seconds).toPrecision(4),
    (100 * communication).toFixed(1),
    (memory.wholeMiB / 1024).toPrecision(3),
    (memory.dividedMiB / 1024).toPrecision(3),
    memory.fits,
  ]);
  return table(head, rows);
}
