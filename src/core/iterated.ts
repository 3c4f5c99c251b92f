/** Hands an item to whoever iterates; resolves when the next one is asked for, and rejects when none will be. */
export type Give<Item> = (item: Item) => Promise<void>;

/**
 * Items one by one as `produce` gives them. It runs only until it has given what was asked for, and is refused to give more when no
 * more is asked for; what it throws is thrown after the items before it.
 */
export async function* iterated<Item>(produce: (give: Give<Item>) => Promise<void>): AsyncGenerator<Item, void, undefined> {
  type Arrived = { readonly value: Item } | undefined;
  let arrived: (item: Arrived) => void = () => {};
  let asked: { resolve(): void; reject(reason: unknown): void } | undefined;
  let state: 'open' | 'produced' | 'left' = 'open';
  const arrival = () =>
    new Promise<Arrived>((resolve) => {
      arrived = resolve;
      if (state === 'produced') resolve(undefined);
    });
  const give = (value: Item): Promise<void> =>
    new Promise((resolve, reject) => {
      asked = { resolve, reject };
      if (state === 'left') reject(new Left());
      else arrived({ value });
    });
  let next = arrival();
  const produced = produce(give).finally(() => {
    state = 'produced';
    arrived(undefined);
  });
  // Nobody listens before the last item has been taken.
  produced.catch(() => {});
  try {
    for (let item = await next; item !== undefined; item = await next) {
      yield item.value;
      next = arrival();
      asked?.resolve();
    }
    await produced;
  } finally {
    state = 'left';
    asked?.reject(new Left());
    await produced.catch(() => {});
  }
}

/** What ends a producer whose items nobody takes. */
class Left extends Error {
  override readonly name = 'Left';
}
