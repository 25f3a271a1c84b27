import { DatabaseUnavailableError } from '../errors.ts';

/**
 * A look that answers within some milliseconds, or rejects with `DatabaseUnavailableError`. One that has not ended is not begun again,
 * but waited for: whoever asks again and again must not queue for all connections.
 */
export function oneAtATime<T>(look: () => Promise<T>, timeout: number): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= look().finally(() => (running = undefined));
    return within(timeout, running);
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
