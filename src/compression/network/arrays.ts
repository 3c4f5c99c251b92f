const wordBytes = 4;
const alignment = 16;

/** Arrays of so many words, one behind the other from an address on; a whole number of vectors each. */
export function arrays<Name extends string>(
  words: Readonly<Record<Name, number>>,
  begin: number,
): { readonly places: Readonly<Record<Name, number>>; readonly end: number } {
  let end = begin;
  const places = {} as Record<Name, number>;
  for (const name of Object.keys(words) as Name[]) {
    places[name] = end;
    end += alignment * Math.ceil((words[name] * wordBytes) / alignment);
  }
  return { places, end };
}
