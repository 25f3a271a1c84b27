import type { LoggedEvent } from '../history.ts';
import { retrySql, type Row } from './sql.ts';

/** The whole log as it is committed now, without the library and without its bound. */
export async function readLog(url: string): Promise<readonly LoggedEvent[]> {
  const rows = await retrySql(
    url,
    `select
      global_position, event_id, stream_name, category, stream_version, type,
      (extract(epoch from recorded_at) * 1000)::bigint, commit_id, commit_index, commit_size,
      data ->> 'attempt', data ->> 'index'
    from mink.events
    order by global_position`,
  );
  return rows.map(toLoggedEvent);
}

/** The version each stream says it is at. */
export async function readStreamVersions(url: string): Promise<ReadonlyMap<string, number>> {
  const rows = await retrySql(url, 'select stream_name, version from mink.streams');
  return new Map(rows.map(([name, version]) => [String(name), Number(version)]));
}

function toLoggedEvent(row: Row): LoggedEvent {
  const [position, id, streamName, category, version, type, recordedAt, commitId, commitIndex, commitSize] = row;
  const [attempt, index] = row.slice(10);
  return {
    position: Number(position),
    id: String(id),
    streamName: String(streamName),
    category: String(category),
    version: Number(version),
    type: String(type),
    recordedAt: Number(recordedAt),
    commitId: Number(commitId),
    commitIndex: Number(commitIndex),
    commitSize: Number(commitSize),
    origin: typeof attempt === 'string' ? { attempt, index: Number(index) } : undefined,
  };
}
