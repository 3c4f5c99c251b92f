/** A binary heap: `pop` gives the item that comes `before` all others. Both operations take O(log n). */
export class PriorityQueue<Item> {
  private readonly heap: Item[] = [];

  constructor(private readonly before: (a: Item, b: Item) => boolean) {}

  push(item: Item): void {
    const heap = this.heap;
    let position = heap.length;
    heap.push(item);
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = heap[parent] as Item;
      if (!this.before(item, above)) break;
      heap[position] = above;
      position = parent;
    }
    heap[position] = item;
  }

  pop(): Item | undefined {
    const heap = this.heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let position = 0;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.before(heap[child + 1] as Item, heap[child] as Item)) child++;
      const below = heap[child] as Item;
      if (!this.before(below, last)) break;
      heap[position] = below;
      position = child;
    }
    heap[position] = last;
    return first;
  }
}
