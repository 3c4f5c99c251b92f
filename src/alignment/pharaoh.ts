import type { Links } from './symmetrisation.js';

/** `0-0 1-2`: source and target positions of each link, counted from 0. */
export function pharaohLine(links: Links): string {
  const parts: string[] = [];
  for (let link = 0; link < links.length; link += 2) parts.push(`${links[link]}-${links[link + 1]}`);
  return parts.join(' ');
}
