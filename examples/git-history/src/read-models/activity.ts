import { column, defineProjection, table, type ProjectedEvent } from 'mink';
import { authorEvents } from '../events.ts';
import { entityOf, repositoryOf } from '../streams.ts';

const columns = {
  id: column.text(),
  repository: column.text(),
  /** Null where the row is about all of them. */
  author: column.nullable(column.text()),
  /** `2024-05`, UTC. */
  month: column.text(),
  commits: column.integer(),
  added: column.integer(),
  removed: column.integer(),
  /** The days with a commit, the first of the month as the lowest bit. */
  days: column.integer(),
};

type AuthorEvent = ProjectedEvent<{ Author: typeof authorEvents }>;

/** A row for each month, and for each month of an author: every commit is about two keys. */
export const activity = defineProjection({
  name: 'activity',
  events: { Author: authorEvents },
  readModel: table({ key: 'id', columns, indexes: [['repository', 'author', 'month']] }),
  key: (event) => [ofAll(event), ofAuthor(event)],
}).on({
  CommitAuthored: (row, event, id) => {
    const { streamName, data } = event;
    return {
      id,
      repository: repositoryOf(streamName),
      author: id === ofAll(event) ? null : entityOf(streamName),
      month: monthOf(data.occurredAt),
      commits: (row?.commits ?? 0) + 1,
      added: (row?.added ?? 0) + data.linesAdded,
      removed: (row?.removed ?? 0) + data.linesRemoved,
      days: (row?.days ?? 0) | dayBit(data.occurredAt),
    };
  },
});

function ofAll({ streamName, data }: AuthorEvent): string {
  return `${repositoryOf(streamName)} ${monthOf(data.occurredAt)}`;
}

function ofAuthor({ streamName, data }: AuthorEvent): string {
  return `${streamName} ${monthOf(data.occurredAt)}`;
}

/** `2024-05`, UTC. */
function monthOf(date: Date): string {
  return date.toISOString().slice(0, 7);
}

/** Of at most 31 days: within what `|` does with whole numbers above zero. */
function dayBit(date: Date): number {
  return 1 << (date.getUTCDate() - 1);
}

/** How many days there are in a row. */
export function countDays(days: number): number {
  let left = days;
  let count = 0;
  for (; left !== 0; left &= left - 1) count += 1;
  return count;
}
