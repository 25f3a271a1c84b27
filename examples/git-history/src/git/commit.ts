/** Lines a change added and removed; null for a binary file. */
export type Lines = { readonly added: number; readonly removed: number } | null;

/** What a commit did to one file. Paths are as `quotePath` writes them. */
export type FileChange =
  | { readonly status: 'added' | 'modified' | 'deleted'; readonly path: string; readonly lines: Lines }
  | { readonly status: 'renamed'; readonly path: string; readonly from: string; readonly lines: Lines };

/** One commit as git tells it. Merges have no changes: theirs are those of the commits they merge. */
export interface Commit {
  readonly hash: string;
  readonly parents: readonly string[];
  /** As `.mailmap` has it; may be empty. */
  readonly authorName: string;
  /** As `.mailmap` has it; may be empty. */
  readonly authorEmail: string;
  readonly authoredAt: Date;
  readonly committedAt: Date;
  /** The first line of the message. */
  readonly subject: string;
  readonly changes: readonly FileChange[];
}
