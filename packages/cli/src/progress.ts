import type { Context, GlobalOptions } from './context.ts';

const PROGRESS_INTERVAL = 1_000;

/** A line on stderr now and then; nothing of it among JSON. */
export function progressOf<P>(
  { stderr }: Context,
  { json }: GlobalOptions,
  text: (progress: P) => string,
): ((progress: P) => void) | undefined {
  if (json === true) return undefined;
  let told = performance.now();
  return (progress) => {
    const now = performance.now();
    if (now < told + PROGRESS_INTERVAL) return;
    told = now;
    // Whoever does not want to read it does not keep the work from going on.
    void stderr.line(text(progress)).catch(() => undefined);
  };
}
