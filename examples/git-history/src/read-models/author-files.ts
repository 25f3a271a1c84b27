import { column, defineProjection, table, type ProjectedEvent, type RowOf } from 'mink';
import { authorEvents } from '../events.ts';
import { shorten } from '../streams.ts';

const columns = {
  id: column.text(),
  /** Of the author. */
  stream: column.text(),
  path: column.text(),
  commits: column.integer(),
};

type TouchedRow = RowOf<typeof columns>;
type AuthorEvent = ProjectedEvent<{ Author: typeof authorEvents }>;

/** A row for each file that an author has changed. An event is about as many keys as it names paths, which may be hundreds. */
export const authorFiles = defineProjection({
  name: 'author-files',
  events: { Author: authorEvents },
  readModel: table({ key: 'id', columns, indexes: [['stream', 'commits']] }),
  key: ({ streamName, data }) => data.paths.map((path) => touchId(streamName, path)),
}).on({ CommitAuthored: touch, CommitContinued: touch });

function touch(row: TouchedRow | null, { streamName, data }: AuthorEvent, id: string): TouchedRow {
  if (row !== null) return { ...row, commits: row.commits + 1 };
  // The key has the path shortened; the event has it whole.
  const path = data.paths.find((it) => touchId(streamName, it) === id) ?? '';
  return { id, stream: streamName, path, commits: 1 };
}

/** Unambiguous: the names of authors are in lower case, so the first capitals after them are these. */
function touchId(stream: string, path: string): string {
  return `${stream} IN ${shorten(path)}`;
}
