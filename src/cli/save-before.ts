import { InvalidArgumentError } from 'commander';

const milliseconds = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;

/**
 * A time to come: `23h50m` from now (d, h, m, s), `23:55` of this day or the next, or `2026-12-31T23:55`, which is local unless it ends
 * with Z or an offset.
 */
export function timeToCome(text: string, now = new Date()): Date {
  const [, d, h, m, s] = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  const lasts = Object.entries({ d, h, m, s }).reduce(
    (sum, [unit, count]) => sum + Number(count ?? 0) * milliseconds[unit as keyof typeof milliseconds],
    0,
  );
  if (lasts > 0) return new Date(now.getTime() + lasts);
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  if (hours !== undefined) {
    const [year, month, day] = [now.getFullYear(), now.getMonth(), now.getDate()];
    const today = new Date(year, month, day, Number(hours), Number(minutes));
    return today > now ? today : new Date(year, month, day + 1, Number(hours), Number(minutes));
  }
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? new Date(text) : undefined;
  if (time === undefined || Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('expected a duration (23h50m), a time of day (23:55) or a date with its time (2026-12-31T23:55)');
  if (time > now) return time;
  throw new InvalidArgumentError('expected a time to come');
}
