import { DatabaseUnavailableError } from '../errors.ts';

/** Milliseconds after which a look that has not ended is lost, as on a connection whose server is gone without a word. */
const LOST = 30_000;

/**
 * A look at the database that answers within some milliseconds, or rejects with `DatabaseUnavailableError`. One that has not ended is
 * waited for by all who ask later, for half a minute: whoever asks again and again must not queue for all connections.
 *
 * @param now - milliseconds from any beginning
 */
export function oneAtATime<T>(
  look: () => Promise<T>,
  { timeout, now = () => performance.now() }: { readonly timeout: number; readonly now?: (() => number) | undefined },
): () => Promise<T> {
  let running: { readonly answer: Promise<T>; readonly since: number } | undefined;
  const begin = (): NonNullable<typeof running> => {
    const begun = {
      since: now(),
      answer: look().finally(() => {
        if (running === begun) running = undefined;
      }),
    };
    return begun;
  };
  return () => {
    if (running === undefined || now() - running.since > LOST) running = begin();
    return within(timeout, running.answer);
  };
}

async function within<T>(timeout: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new DatabaseUnavailableError(`The database has not answered within ${timeout} ms.`);
    timer = setTimeout(() => reject(error), timeout);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
