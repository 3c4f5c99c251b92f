const sentinel = /^<extra_id_(\d{1,6})>$/;

/** Whether it is one of T5's tokens for what is left out of a text: `<extra_id_0>` and so on (Raffel et al. 2020, section 3.1.4). */
export function isSentinel(token: string): boolean {
  return sentinel.test(token);
}

/** The ids of those that are among these tokens: they stand behind the pieces, the first one last. */
export function sentinelIds(tokens: readonly string[], pieces: number): [string, number][] {
  const sentinels = [...new Set(tokens)].filter(isSentinel);
  const last = pieces + sentinels.length - 1;
  return sentinels.map((token) => [token, last - Number(sentinel.exec(token)?.[1])]);
}
