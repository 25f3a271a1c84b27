import { defineEvents, type EventMapOf, type EventStore, type NewEvent } from 'mink';
import { z } from 'zod';

/** A moment: a `Date` in the code, ISO 8601 in the store. mink runs zod codecs in both directions. */
const moment = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

const commitHash = z.string().regex(/^[0-9a-f]{40,64}$/u);
const count = z.number().int().nonnegative();

/** What every change of a file says. `occurredAt` is the author's time in the commit, not the time of the import. */
const change = {
  path: z.string(),
  commit: commitHash,
  /** The name of the author's stream, without category and repository. */
  author: z.string(),
  authorName: z.string(),
  occurredAt: moment,
  /** Null for a binary file. */
  lines: z.object({ added: count, removed: count }).nullable(),
};

/** The life of one path. */
export const fileEvents = defineEvents({
  FileAdded: z.object(change),
  FileModified: z.object(change),
  FileDeleted: z.object(change),
  /** This path took over from another one. */
  FileRenamedFrom: z.object({ ...change, from: z.string() }),
  /** This path ended; its content lives on under another one. */
  FileRenamedTo: z.object({ ...change, to: z.string() }),
});

/** The work of one author. */
export const authorEvents = defineEvents({
  CommitAuthored: z.object({
    commit: commitHash,
    parents: count,
    subject: z.string(),
    name: z.string(),
    email: z.string(),
    occurredAt: moment,
    committedAt: moment,
    files: count,
    linesAdded: count,
    linesRemoved: count,
    /** The changed files, up to a limit; the others follow in `CommitContinued`. */
    paths: z.array(z.string()).readonly(),
  }),
  CommitContinued: z.object({ commit: commitHash, occurredAt: moment, paths: z.array(z.string()).readonly() }),
});

/** How far a repository is imported. */
export const repositoryEvents = defineEvents({
  /** Written in the same append as the events of the commits: both are in the log, or neither. */
  CommitsImported: z.object({
    /** Commits that this batch completed. */
    commits: count,
    changes: count,
    /** Events of this batch, this one included. */
    events: count,
    lastCommit: commitHash,
    /** The imported commits that have no imported child: they and all their ancestors are in the log. */
    frontier: z.array(commitHash),
    /** The commit that is too large for one batch and is imported up to a change. */
    partial: z.object({ commit: commitHash, changes: count, digest: z.string() }).nullable(),
  }),
});

export const categories = { Repository: repositoryEvents, File: fileEvents, Author: authorEvents };

export type HistoryStore = EventStore<typeof categories>;
export type NewFileEvent = NewEvent<EventMapOf<typeof fileEvents>>;
export type NewAuthorEvent = NewEvent<EventMapOf<typeof authorEvents>>;
export type CommitsImported = EventMapOf<typeof repositoryEvents>['CommitsImported'];
