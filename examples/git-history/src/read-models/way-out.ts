import { DatabaseError, ProjectionBehindError, ReadModelChangedError } from 'mink';
import { GitHistoryError } from '../errors.ts';

const UNDEFINED_TABLE = '42P01';

/** Runs what needs the read models. Where one of them is broken, or its table is gone, the error says what to do. */
export async function withWayOut<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!isBroken(error)) throw error;
    throw new GitHistoryError(
      'READ_MODEL_BROKEN',
      `A read model cannot be used: ${error.message} The log has all it needs: --rebuild makes the read models anew.`,
      { cause: error },
    );
  }
}

function isBroken(error: unknown): error is Error {
  if (error instanceof ProjectionBehindError) return error.error !== undefined;
  return (
    error instanceof ReadModelChangedError || (error instanceof DatabaseError && error.sqlState === UNDEFINED_TABLE)
  );
}
