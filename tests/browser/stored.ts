import { DecadeError } from '../../src/core/errors.js';
import type { ModelStore } from '../../src/browser/model-store.js';

/** A store in memory, full when it is told so. */
export class FakeStore implements ModelStore {
  readonly kept = new Map<string, Blob>();
  isFull = false;

  async find(url: string): Promise<Blob | undefined> {
    return this.kept.get(url);
  }

  async keep(url: string, contents: Blob): Promise<void> {
    if (this.isFull) throw new DecadeError('resource', { where: url, received: 'a browser that is full' });
    this.kept.set(url, contents);
  }

  async remove(url: string): Promise<void> {
    this.kept.delete(url);
  }
}
