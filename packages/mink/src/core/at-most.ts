/**
 * Resolves or rejects as the work does, but resolves after so many milliseconds in any case: for ends that must come, such as closing
 * what waits for a database that does not answer. The work goes on.
 */
export async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => (timer = setTimeout(resolve, milliseconds)));
  try {
    await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
