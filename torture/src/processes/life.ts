/** Aborted when the parent closes our standard input, which it also does by dying. Lines that it sends go to `onLine`. */
export function lifeOfParent(onLine: (line: string) => void = () => undefined): AbortSignal {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.stdin.setEncoding('utf8');
  process.stdin.on('data', (text: string) => {
    for (const line of text.split('\n')) if (line !== '') onLine(line);
  });
  process.stdin.on('end', end);
  process.stdin.on('close', end);
  process.stdin.on('error', end);
  return ending.signal;
}
