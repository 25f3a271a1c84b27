import { createHash } from 'node:crypto';
import type { AppendEntry } from 'mink';
import type { Commit } from '../git/commit.ts';
import {
  repositoryEvents,
  type categories,
  type CommitsImported,
  type NewAuthorEvent,
  type NewFileEvent,
} from '../events.ts';
import { repositoryStream } from '../streams.ts';
import type { Checkpoint } from './checkpoint.ts';
import { commitEvents, type CommitPart } from './commit-events.ts';
import { eventId } from './event-id.ts';
import type { ImportLimits } from './limits.ts';

/** What one append holds. */
export interface Batch {
  readonly imported: CommitsImported;
  /** The streams of the batch; the repository's own is last and must be at `repositoryVersion`. */
  entries(repositoryVersion: number): readonly AppendEntry<typeof categories>[];
}

/** Where a list of batches begins. */
export interface BatchStart {
  readonly repository: string;
  readonly checkpoint: Pick<Checkpoint, 'frontier' | 'partial'>;
  readonly limits: ImportLimits;
}

/**
 * Cuts commits into batches, each with the checkpoint that is true after it. Parents must come before their children: then
 * the commits imported so far always include all their ancestors, and the frontier says exactly which they are.
 */
export async function* toBatches(
  commits: AsyncIterable<Commit>,
  { repository, checkpoint, limits }: BatchStart,
): AsyncGenerator<Batch, void, undefined> {
  const frontier = new Set(checkpoint.frontier);
  let batch = new BatchUnderWay({ repository, limits, frontier });
  for await (const commit of commits) {
    const done = checkpoint.partial?.commit === commit.hash ? checkpoint.partial.changes : 0;
    for (const part of toParts(commit, { from: done, maxChanges: limits.maxChanges })) {
      if (!batch.hasRoomFor(part)) {
        yield* batch.finish();
        batch = new BatchUnderWay({ repository, limits, frontier });
      }
      batch.add(part);
    }
  }
  yield* batch.finish();
}

/** Identifies the changes of a commit, in order: a commit may only be continued with the list it was begun with. */
export function changesDigest({ changes }: Commit): string {
  const hash = createHash('sha256');
  for (const { status, path } of changes) hash.update(`${status}\0${path}\0`);
  return hash.digest('hex');
}

function* toParts(
  commit: Commit,
  { from, maxChanges }: { readonly from: number; readonly maxChanges: number },
): Generator<CommitPart, void, undefined> {
  let start = from;
  do {
    const to = Math.min(start + maxChanges, commit.changes.length);
    yield { commit, from: start, to };
    start = to;
  } while (start < commit.changes.length);
}

class BatchUnderWay {
  readonly #repository: string;
  readonly #limits: ImportLimits;
  /** Shared by all batches of an import, and moved on by each. */
  readonly #frontier: Set<string>;
  readonly #files = new Map<`File-${string}`, NewFileEvent[]>();
  readonly #authors = new Map<`Author-${string}`, NewAuthorEvent[]>();
  #last: CommitPart | undefined;
  #commits = 0;
  #changes = 0;
  #events = 0;

  constructor(start: { readonly repository: string; readonly limits: ImportLimits; readonly frontier: Set<string> }) {
    this.#repository = start.repository;
    this.#limits = start.limits;
    this.#frontier = start.frontier;
  }

  hasRoomFor({ from, to }: CommitPart): boolean {
    const { maxCommits, maxChanges } = this.#limits;
    return this.#last === undefined || (this.#commits < maxCommits && this.#changes + to - from <= maxChanges);
  }

  add(part: CommitPart): void {
    const { commit, from, to } = part;
    const { author, files } = commitEvents({ repository: this.#repository, maxPaths: this.#limits.maxPaths }, part);
    for (const { streamName, event } of files) listIn(this.#files, streamName).push(event);
    listIn(this.#authors, author.streamName).push(...author.events);
    this.#events += files.length + author.events.length;
    this.#changes += to - from;
    this.#last = part;
    if (to < commit.changes.length) return;
    this.#commits += 1;
    for (const parent of commit.parents) this.#frontier.delete(parent);
    this.#frontier.add(commit.hash);
  }

  /** The batch, or none if nothing was added. */
  finish(): readonly Batch[] {
    if (this.#last === undefined) return [];
    const { commit, to } = this.#last;
    const imported: CommitsImported = {
      commits: this.#commits,
      changes: this.#changes,
      events: this.#events + 1,
      lastCommit: commit.hash,
      frontier: [...this.#frontier],
      partial:
        to === commit.changes.length ? null : { commit: commit.hash, changes: to, digest: changesDigest(commit) },
    };
    const id = eventId(this.#repository, commit.hash, 'imported', to);
    const event = { ...repositoryEvents.CommitsImported(imported), id };
    const streamName = repositoryStream(this.#repository);
    const files = [...this.#files].map(([streamName, events]) => ({ streamName, events }));
    const authors = [...this.#authors].map(([streamName, events]) => ({ streamName, events }));
    return [
      {
        imported,
        entries: (expectedVersion) => [...files, ...authors, { streamName, events: [event], expectedVersion }],
      },
    ];
  }
}

function listIn<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
