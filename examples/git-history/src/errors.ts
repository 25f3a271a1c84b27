/** What can be wrong with the repository, the arguments or the store; the message is all a user needs to see. */
export type GitHistoryProblem =
  | 'ANOTHER_IMPORT'
  | 'EMPTY_REPOSITORY'
  | 'GIT_FAILED'
  | 'GIT_NOT_FOUND'
  | 'HALF_IMPORTED_COMMIT_GONE'
  | 'INVALID_USAGE'
  | 'NOT_A_REPOSITORY'
  | 'NOT_FOUND'
  | 'NOT_IMPORTED'
  | 'POSTGRES_IN_USE'
  | 'READ_MODEL_BROKEN'
  | 'SHALLOW_REPOSITORY';

/** An expected failure: shown as its message, without a stack trace. */
export class GitHistoryError extends Error {
  readonly code: GitHistoryProblem;

  constructor(code: GitHistoryProblem, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'GitHistoryError';
    this.code = code;
  }
}
