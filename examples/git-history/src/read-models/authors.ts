import { column, defineProjection, table } from 'mink';
import { authorEvents } from '../events.ts';
import { addChange } from '../questions/contribution.ts';
import { entityOf, repositoryOf } from '../streams.ts';
import { keep, toContribution } from './kept-contribution.ts';

const columns = {
  stream: column.text(),
  repository: column.text(),
  author: column.text(),
  name: column.text(),
  /** Commits. */
  changes: column.integer(),
  merges: column.integer(),
  added: column.integer(),
  removed: column.integer(),
  first: column.timestamp(),
  last: column.timestamp(),
};

/** A row for each author of a repository. */
export const authors = defineProjection({
  name: 'authors',
  events: { Author: authorEvents },
  readModel: table({ key: 'stream', columns, indexes: [['repository', 'changes']] }),
}).on({
  CommitAuthored: (row, { streamName, data }) => {
    const { name, occurredAt, linesAdded: added, linesRemoved: removed } = data;
    return {
      stream: streamName,
      repository: repositoryOf(streamName),
      author: entityOf(streamName),
      merges: (row?.merges ?? 0) + (data.parents > 1 ? 1 : 0),
      ...keep(
        addChange(row === null ? undefined : toContribution(row), { name, occurredAt, lines: { added, removed } }),
      ),
    };
  },
});
