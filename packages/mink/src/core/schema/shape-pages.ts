import type { EventStorage, OpenTransaction } from '../storage/event-storage.ts';
import type { ListShapesQuery, RecordedShape } from './recorded-shape.ts';

/** Recorded shapes, page by page. */
export async function* shapePages(
  storage: EventStorage,
  query: Omit<ListShapesQuery, 'after'>,
  tx?: OpenTransaction,
): AsyncGenerator<readonly RecordedShape[], void, undefined> {
  let after: RecordedShape | undefined;
  for (;;) {
    const page = await storage.listShapes({ ...query, after }, { tx });
    yield page;
    if (page.length < query.limit) return;
    after = page.at(-1);
  }
}
