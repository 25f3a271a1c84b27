import type { Commit, FileChange } from '../git/commit.ts';
import { authorEvents, fileEvents, type NewAuthorEvent, type NewFileEvent } from '../events.ts';
import { authorKey, authorStream, fileStream } from '../streams.ts';
import { eventId } from './event-id.ts';

const MAX_TEXT_LENGTH = 200;
/** Keeps an event far below the store's limit of 1 MiB, however long the paths are. */
const MAX_PATHS_LENGTH = 100_000;

/** The changes of a commit from one index up to another: all of them, or what fits into a batch. */
export interface CommitPart {
  readonly commit: Commit;
  readonly from: number;
  readonly to: number;
}

/** The events of one commit part, per stream. */
export interface CommitEvents {
  readonly author: { readonly streamName: `Author-${string}`; readonly events: readonly NewAuthorEvent[] };
  readonly files: readonly { readonly streamName: `File-${string}`; readonly event: NewFileEvent }[];
}

/** What a repository and its limits say about all events. */
export interface EventContext {
  readonly repository: string;
  readonly maxPaths: number;
}

/** The events of a commit part. The same part always gives the same events with the same ids. */
export function commitEvents(context: EventContext, part: CommitPart): CommitEvents {
  const { repository } = context;
  const { commit, from, to } = part;
  const author = authorKey({ name: commit.authorName, email: commit.authorEmail });
  const files = commit.changes
    .slice(from, to)
    .flatMap((change, index) => changeEvents(context, { commit, author, change, index: from + index }));
  return { files, author: { streamName: authorStream(repository, author), events: authoredEvents(context, part) } };
}

function changeEvents(
  { repository }: EventContext,
  what: { readonly commit: Commit; readonly author: string; readonly change: FileChange; readonly index: number },
): CommitEvents['files'] {
  const { commit, change, index } = what;
  const id = (role: string): string => eventId(repository, commit.hash, role, index);
  const data = {
    path: change.path,
    commit: commit.hash,
    author: what.author,
    authorName: shortText(commit.authorName),
    occurredAt: commit.authoredAt,
    lines: change.lines,
  };
  const streamName = fileStream(repository, change.path);
  switch (change.status) {
    case 'added':
      return [{ streamName, event: { ...fileEvents.FileAdded(data), id: id('file') } }];
    case 'modified':
      return [{ streamName, event: { ...fileEvents.FileModified(data), id: id('file') } }];
    case 'deleted':
      return [{ streamName, event: { ...fileEvents.FileDeleted(data), id: id('file') } }];
    case 'renamed': {
      const { from, path: to } = change;
      const left = { ...data, path: from, to, lines: { added: 0, removed: 0 } };
      return [
        { streamName: fileStream(repository, from), event: { ...fileEvents.FileRenamedTo(left), id: id('left') } },
        { streamName, event: { ...fileEvents.FileRenamedFrom({ ...data, from }), id: id('file') } },
      ];
    }
  }
}

/** `CommitAuthored` where the commit begins, `CommitContinued` for every further portion of its paths. */
function authoredEvents({ repository, maxPaths }: EventContext, part: CommitPart): readonly NewAuthorEvent[] {
  const { commit, from, to } = part;
  const portions = inPortions(
    commit.changes.slice(from, to).map(({ path }) => path),
    maxPaths,
  );
  let first = from;
  return portions.map((paths) => {
    const id = eventId(repository, commit.hash, 'author', first);
    const event =
      first === 0
        ? authorEvents.CommitAuthored({ ...commitFacts(commit), paths })
        : authorEvents.CommitContinued({ commit: commit.hash, occurredAt: commit.authoredAt, paths });
    first += paths.length;
    return { ...event, id };
  });
}

function commitFacts(commit: Commit) {
  return {
    commit: commit.hash,
    parents: commit.parents.length,
    subject: shortText(commit.subject),
    name: shortText(commit.authorName),
    email: shortText(commit.authorEmail),
    occurredAt: commit.authoredAt,
    committedAt: commit.committedAt,
    files: commit.changes.length,
    linesAdded: commit.changes.reduce((sum, { lines }) => sum + (lines?.added ?? 0), 0),
    linesRemoved: commit.changes.reduce((sum, { lines }) => sum + (lines?.removed ?? 0), 0),
  };
}

/** At least one portion, so that a commit without changes has its event too. */
function inPortions(paths: readonly string[], maxPaths: number): readonly (readonly string[])[] {
  const portions: string[][] = [];
  let portion: string[] = [];
  let length = 0;
  for (const path of paths) {
    if (portion.length === maxPaths || (portion.length > 0 && length + path.length > MAX_PATHS_LENGTH)) {
      portions.push(portion);
      portion = [];
      length = 0;
    }
    portion.push(path);
    length += path.length;
  }
  return [...portions, portion];
}

/** Cut between characters, never inside a surrogate pair. */
function shortText(text: string): string {
  return text.length <= MAX_TEXT_LENGTH ? text : `${Array.from(text).slice(0, MAX_TEXT_LENGTH).join('')}…`;
}
