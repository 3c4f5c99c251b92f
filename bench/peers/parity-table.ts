import { mean, ratioOfMeans } from '../../src/analysis/examination/means.js';

/**
 * Perplexities by epoch of several trainings each, as a Markdown table of means; the last line says what decade's last epoch is times
 * PyTorch's, with an interval over seeds where there are several.
 */
export function parityTable(ours: readonly (readonly number[])[], theirs: readonly (readonly number[])[]): string {
  const epochs = Math.min(...[...ours, ...theirs].map(({ length }) => length));
  const at = (trainings: readonly (readonly number[])[], epoch: number) => trainings.map((perplexities) => perplexities[epoch] as number);
  const rows = Array.from({ length: epochs }, (_, epoch) => {
    const [here, there] = [mean(at(ours, epoch)).value, mean(at(theirs, epoch)).value];
    return `| ${epoch + 1} | ${here.toFixed(2)} | ${there.toFixed(2)} | ${(100 * (here / there - 1)).toFixed(1)} % |`;
  });
  const { value, low, high } = ratioOfMeans(at(theirs, epochs - 1), at(ours, epochs - 1));
  const interval = low === undefined || high === undefined ? '' : ` (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`;
  const seeds = `${ours.length} ${ours.length === 1 ? 'seed' : 'seeds'} each`;
  return [
    ...['| epoch | decade | PyTorch | difference |', '|---:|---:|---:|---:|', ...rows],
    `\nLast epoch, decade / PyTorch: ${value.toFixed(3)}${interval}, ${seeds}.`,
  ].join('\n');
}
