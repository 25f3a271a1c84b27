/** Ctrl-C came before the work was done. */
export class InterruptedError extends Error {}

/** The result of the work, or {@link InterruptedError} as soon as the signal is aborted. */
export async function interruptible<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const over = new AbortController();
  try {
    return await Promise.race([work, interruption(signal, over.signal)]);
  } finally {
    over.abort();
  }
}

function interruption(signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const interrupt = (): void => reject(new InterruptedError());
    if (signal.aborted) interrupt();
    signal.addEventListener('abort', interrupt, { once: true, signal: over });
  });
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
