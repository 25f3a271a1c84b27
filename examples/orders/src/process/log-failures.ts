import type { Observer } from 'mink';

/** Tells of failures of projections where no log is wanted; `mink projections status` and `mink deadletters list` show what is left. */
export const logFailures: Observer = {
  projectionFailed: ({ projection, version, next, error }) => {
    console.error(`Projection ${projection} version ${version} has failed (${next}): ${error}`);
  },
};
