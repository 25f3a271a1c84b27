import { createEventStore, type EventStorage } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { categories, type HistoryStore } from '../../src/events.ts';
import { openRepository } from '../../src/git/repository.ts';
import { identify } from '../../src/identify.ts';
import { importHistory, type ImportOptions, type ImportResult } from '../../src/import/import-history.ts';

type Append = EventStorage['append'];

/** A storage in memory whose appends go through `intercept`: it may fail before or after it lets them happen. */
export function memoryStorage(intercept: (append: Append) => Append = (append) => append): EventStorage {
  const storage = createMemoryStorage();
  const append = intercept((command, options) => storage.append(command, options));
  return new Proxy(storage, {
    get(target, name) {
      if (name === 'append') return append;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

export function memoryStore(storage: EventStorage = memoryStorage()): HistoryStore {
  return createEventStore(storage, { categories });
}

/** Imports a repository as the program does. */
export async function importAll(
  store: HistoryStore,
  path: string,
  options: ImportOptions = {},
): Promise<ImportResult & { readonly id: string }> {
  const git = await openRepository(path);
  const { id } = await identify(store, git);
  return { id, ...(await importHistory(store, { git, id }, { retryDelay: 0, ...options })) };
}

/** The whole log without what differs from run to run: the recorded times. */
export async function logOf(store: HistoryStore): Promise<readonly unknown[]> {
  const log: unknown[] = [];
  for await (const { id, type, data, streamName, streamVersion, globalPosition } of store.readAll()) {
    log.push({ id, type, data, streamName, streamVersion, globalPosition });
  }
  return log;
}
