/**
 * Tells somebody what has been done: it is done, whether that can be told or not. What they throw is lost, and so is what an `async`
 * function rejects with later, which would end the process.
 */
export function quietly<T>(tell: () => T): T | undefined {
  try {
    const told = tell();
    if (told instanceof Promise) told.catch(() => undefined);
    return told;
  } catch {
    return undefined;
  }
}
