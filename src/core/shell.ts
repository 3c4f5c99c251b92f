/** A command line that a shell takes apart into these words again (POSIX quoting). */
export function commandLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/** One word as a shell takes it, quoted where it has spaces or characters that mean something to a shell. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
