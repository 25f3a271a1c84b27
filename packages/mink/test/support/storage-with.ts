import type { EventStorage } from '../../src/index.ts';

/** A storage with some of its methods replaced. */
export function storageWith(storage: EventStorage, changed: Partial<EventStorage>): EventStorage {
  return {
    append: (command, options) => storage.append(command, options),
    readStreamPage: (query, options) => storage.readStreamPage(query, options),
    readLogPage: (query, options) => storage.readLogPage(query, options),
    readBound: (options) => storage.readBound(options),
    feedStatus: () => storage.feedStatus(),
    waitForBound: (waiting) => storage.waitForBound(waiting),
    positionAt: (time, upTo) => storage.positionAt(time, upTo),
    streamInfo: (streamName) => storage.streamInfo(streamName),
    listStreams: (query) => storage.listStreams(query),
    findHolder: (set, value) => storage.findHolder(set, value),
    readResult: (key) => storage.readResult(key),
    keepResult: (result) => storage.keepResult(result),
    deleteExpiredResults: (limit) => storage.deleteExpiredResults(limit),
    saveSnapshot: (snapshot) => storage.saveSnapshot(snapshot),
    readSnapshot: (query, options) => storage.readSnapshot(query, options),
    listShapes: (query, options) => storage.listShapes(query, options),
    recordShape: (shape, options) => storage.recordShape(shape, options),
    saveShapeCounts: (counts) => storage.saveShapeCounts(counts),
    resetShapeCounts: () => storage.resetShapeCounts(),
    listSnapshots: (query) => storage.listSnapshots(query),
    deleteSnapshots: (query) => storage.deleteSnapshots(query),
    close: () => storage.close(),
    ...changed,
  };
}
