// Runs test files in one process; scripts/test.mjs writes the programs that call it.
import hooks from 'node:async_hooks';

const compiled = new URL('../dist/tests/', import.meta.url);
const followers = followersOfPromises();
// After the hooks are followed: it makes one.
const { describe } = await import('node:test');

/**
 * @param shared  modules that files use together, whose hooks are to run when all files have ended
 * @param files   test files, each in a suite of its own if there are several
 */
export async function runTogether({ shared, files }) {
  for (const name of shared) await load(`${name}.js`);
  await Promise.all(
    files.map((name) =>
      files.length === 1
        ? load(`${name}.test.js`)
        : new Promise((resolve, reject) => {
            describe(name, () => load(`${name}.test.js`).then(resolve, reject));
          }),
    ),
  );
  // All tests are known, and what belongs to which.
  for (const follower of followers) follower.disable();
}

function load(name) {
  return import(new URL(name, compiled).href);
}

/**
 * Node's runner follows every promise, to know in which test one began that is rejected and not handled: a seventh of the time of tests
 * that train. Without it such a rejection fails the process instead, with the same error.
 */
function followersOfPromises() {
  const made = [];
  const { createHook } = hooks;
  hooks.createHook = (callbacks) => {
    const hook = createHook(callbacks);
    made.push(hook);
    return hook;
  };
  return made;
}
