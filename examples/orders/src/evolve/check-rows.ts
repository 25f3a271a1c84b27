import { isDeepStrictEqual } from 'node:util';
import type { Projection } from 'mink';
import type { OrderStore } from '../order-store.ts';

/** The rows of a read model, beside what a replay of the log makes. */
export interface CheckedRows {
  readonly name: string;
  readonly rows: number;
  /** Rows that are other ones, missing, or too many. */
  readonly wrong: number;
}

/** Compares rows with a replay of the whole log, once nobody writes to it any more. */
export async function checkRows(store: OrderStore, projection: Projection, position: number): Promise<CheckedRows> {
  const { models } = await store.projections.projectUntil(projection, { position });
  const missing = new Map(models);
  let rows = 0;
  let wrong = 0;
  for await (const { key, model } of store.projections.readModel(projection).list()) {
    rows += 1;
    if (!isDeepStrictEqual(model, missing.get(key))) wrong += 1;
    missing.delete(key);
  }
  return { name: `${projection.name} ${projection.version}`, rows, wrong: wrong + missing.size };
}
