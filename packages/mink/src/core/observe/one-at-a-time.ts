import { DatabaseUnavailableError } from '../errors.ts';

/** Looks that may be under way at once: one hangs, as on a connection whose server is gone without a word, and another finds out. */
const AT_ONCE = 2;
/** Milliseconds after which another may begin all the same: so long does none take that will ever end. */
const LOST = 30_000;

/** A look that has not ended. */
interface Look<T> {
  readonly answer: Promise<T>;
  readonly since: number;
  /** Somebody has waited for it for as long as it may take. */
  isGivenUp: boolean;
}

/**
 * A look at the database that answers within some milliseconds, or rejects with `DatabaseUnavailableError`. All who ask meanwhile wait
 * for the one that is under way. Where that has not ended in time, whoever asks next begins another one; while both hang, none more than
 * one in half a minute: whoever asks again and again must not queue for all connections.
 *
 * @param now - milliseconds from any beginning
 */
export function oneAtATime<T>(
  look: () => Promise<T>,
  { timeout, now = () => performance.now() }: { readonly timeout: number; readonly now?: (() => number) | undefined },
): () => Promise<T> {
  const underWay = new Set<Look<T>>();
  let newest: Look<T> | undefined;
  const begin = (): Look<T> => {
    const begun: Look<T> = {
      since: now(),
      isGivenUp: false,
      answer: look().finally(() => {
        underWay.delete(begun);
        if (newest === begun) newest = undefined;
      }),
    };
    underWay.add(begun);
    return begun;
  };
  const mayBeginBeside = ({ isGivenUp, since }: Look<T>): boolean =>
    underWay.size < AT_ONCE ? isGivenUp : now() - since > LOST;
  return async () => {
    if (newest === undefined || mayBeginBeside(newest)) newest = begin();
    const asked = newest;
    return within(timeout, asked.answer, () => {
      asked.isGivenUp = true;
    });
  };
}

async function within<T>(timeout: number, work: Promise<T>, giveUp: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new DatabaseUnavailableError(`The database has not answered within ${timeout} ms.`);
    timer = setTimeout(() => {
      giveUp();
      reject(error);
    }, timeout);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
