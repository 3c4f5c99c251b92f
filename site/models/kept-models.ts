/** A packed model that was trained in this browser. */
export interface KeptModel {
  readonly name: string;
  readonly blob: Blob;
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** When it was kept, in milliseconds. */
  readonly time: number;
}

const store = 'models';

/** What this browser keeps, the last first; nothing where it keeps nothing, as in a private window. */
export async function keptModels(): Promise<KeptModel[]> {
  try {
    const kept = await inStore('readonly', (models) => models.getAll() as IDBRequest<KeptModel[]>);
    return kept.sort((one, other) => other.time - one.time);
  } catch {
    return [];
  }
}

/** Keeps a model in the place of one with the same name. */
export async function keepModel(model: KeptModel): Promise<void> {
  await inStore('readwrite', (models) => models.put(model));
}

async function inStore<Result>(mode: IDBTransactionMode, use: (models: IDBObjectStore) => IDBRequest<Result>): Promise<Result> {
  const opening = indexedDB.open('decade', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(store, { keyPath: 'name' });
  const database = await answer(opening);
  try {
    return await answer(use(database.transaction(store, mode).objectStore(store)));
  } finally {
    database.close();
  }
}

function answer<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
