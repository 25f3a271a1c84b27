import type { EventStorage, ListStreamsQuery, StreamInfo } from '../storage/event-storage.ts';
import type { PageLimits } from './read-pages.ts';

/** Streams by name, in pages. */
export async function* listedStreams(
  storage: Pick<EventStorage, 'listStreams'>,
  query: Pick<ListStreamsQuery, 'category' | 'prefix'>,
  { limit, pageSize }: Pick<PageLimits, 'limit' | 'pageSize'>,
): AsyncGenerator<readonly StreamInfo[], void, undefined> {
  let left = limit ?? Infinity;
  let afterStreamName: string | undefined;
  while (left > 0) {
    const size = Math.min(left, pageSize);
    const page = await storage.listStreams({ ...query, afterStreamName, limit: size });
    yield page;
    if (page.length < size) return;
    left -= page.length;
    afterStreamName = page.at(-1)?.streamName;
  }
}
