const FORCED_EXIT_CODE = 130;
/** npm passes on a Ctrl-C that the terminal has sent already: two signals within this time are one. */
const SAME_SIGNAL_MS = 300;

/** Aborts on the first Ctrl-C or SIGTERM. A second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  let firstAt = 0;
  const onSignal = (): void => {
    if (!stopping.signal.aborted) {
      firstAt = performance.now();
      console.log('Stopping. Press Ctrl-C again to end at once.');
      stopping.abort();
    } else if (performance.now() - firstAt > SAME_SIGNAL_MS) {
      process.exit(FORCED_EXIT_CODE);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stopping.signal;
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
