import type { FeedBound, LogReader } from './event-storage.ts';

/** A log as it is when it is looked at first: nothing is ever added to it. */
export function frozenLog(log: LogReader): LogReader {
  let bound: Promise<FeedBound> | undefined;
  const readBound = (): Promise<FeedBound> => (bound ??= log.readBound());
  const upToBound = async (upTo: number): Promise<number> => Math.min(upTo, (await readBound()).position);
  return {
    readBound,
    waitForBound: readBound,
    readLogPage: async (query) => log.readLogPage({ ...query, upTo: await upToBound(query.upTo) }),
    positionAt: async (time, upTo) => log.positionAt(time, await upToBound(upTo)),
  };
}
