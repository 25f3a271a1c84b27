/** How much goes into one append. */
export interface ImportLimits {
  /**
   * At most this many commits.
   * @defaultValue 500
   */
  readonly maxCommits: number;
  /**
   * At most this many changed files; a larger commit is split. A rename is one change and two events.
   * @defaultValue 2_000
   */
  readonly maxChanges: number;
  /**
   * At most this many paths in one event of an author.
   * @defaultValue 500
   */
  readonly maxPaths: number;
}

export const DEFAULT_LIMITS: ImportLimits = { maxCommits: 500, maxChanges: 2_000, maxPaths: 500 };
