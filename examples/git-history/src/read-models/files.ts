import { column, defineProjection, table, type ProjectedEvent, type RowOf } from 'mink';
import { fileEvents } from '../events.ts';
import { addChange, earlier, later } from '../questions/contribution.ts';
import { fileOutcome } from '../questions/file-history.ts';
import { repositoryOf } from '../streams.ts';
import { keep, toContribution, type KeptContribution } from './kept-contribution.ts';

/** What one author did to a file. */
export interface AuthorShare extends KeptContribution {
  readonly author: string;
}

const columns = {
  stream: column.text(),
  repository: column.text(),
  path: column.text(),
  exists: column.boolean(),
  changes: column.integer(),
  first: column.timestamp(),
  last: column.timestamp(),
  lastCommit: column.text(),
  renamedFrom: column.nullable(column.text()),
  renamedTo: column.nullable(column.text()),
  authors: column.json<readonly AuthorShare[]>(),
};

export type FileRow = RowOf<typeof columns>;

/**
 * A row for each path. Its key is the stream, so each partition reads its own events only; and it begins with the repository and
 * the path, so what is below a directory is found by it.
 */
export const files = defineProjection({
  name: 'files',
  events: { File: fileEvents },
  readModel: table({ key: 'stream', columns, indexes: [['repository', 'changes']] }),
  partitions: 4,
}).on({
  FileAdded: change,
  FileModified: change,
  FileDeleted: change,
  FileRenamedFrom: change,
  FileRenamedTo: change,
});

function change(row: FileRow | null, event: ProjectedEvent<{ File: typeof fileEvents }>): FileRow {
  const { author, authorName: name, commit, lines, occurredAt, path } = event.data;
  const renamed = { renamedFrom: row?.renamedFrom ?? undefined, renamedTo: row?.renamedTo ?? undefined };
  const { exists, renamedFrom, renamedTo } = { ...renamed, ...fileOutcome(event) };
  const before = row?.authors.find((share) => share.author === author);
  const share = { author, ...keep(addChange(before && toContribution(before), { name, lines, occurredAt })) };
  const others = row?.authors ?? [];
  return {
    stream: event.streamName,
    repository: repositoryOf(event.streamName),
    path,
    exists,
    changes: (row?.changes ?? 0) + 1,
    first: earlier(row === null ? undefined : new Date(row.first), occurredAt).toISOString(),
    last: later(row === null ? undefined : new Date(row.last), occurredAt).toISOString(),
    lastCommit: commit,
    renamedFrom: renamedFrom ?? null,
    renamedTo: renamedTo ?? null,
    authors: before === undefined ? [...others, share] : others.map((other) => (other === before ? share : other)),
  };
}
