/** Long enough to cost nothing, short enough that an interruption, a timer or a line of input is soon noticed. */
const milliseconds = 50;

/** Resolves after other tasks of this thread had their turn. */
export function otherTasks(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A function to await often in a long computation: gives other tasks a turn whenever enough time has passed. */
export function turns(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < milliseconds) return undefined;
    return otherTasks().then(() => {
      last = performance.now();
    });
  };
}
