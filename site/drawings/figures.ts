const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });

/** `62 %`, `0.034 %` */
export function percent(share: number): string {
  const value = 100 * share;
  return `${value >= 10 ? whole.format(value) : precise.format(value)} %`;
}

/** `1,928,366` */
export function count(value: number): string {
  return whole.format(value);
}
