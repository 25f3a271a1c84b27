import { setTimeout as delay } from 'node:timers/promises';

import { liveServer } from './postmaster-file.ts';

// Fast shutdown: transactions are rolled back, everything is written. Then immediate: the next start
// recovers from the log. Then whatever ends a process.
const ladder = [
  ['SIGINT', 20_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;

/** Stops a server, ever less politely: it takes 30 seconds at most. */
export async function shutDown(server: {
  kill: (signal: NodeJS.Signals) => void;
  /** True as soon as the server is gone, false when it is still there after `timeoutMs`. */
  waitUntilGone: (timeoutMs: number) => Promise<boolean>;
}): Promise<void> {
  for (const [signal, timeoutMs] of ladder) {
    server.kill(signal);
    if (await server.waitUntilGone(timeoutMs)) return;
  }
}

/** Stops a server whose owner is gone. It is no child of ours, so its end can only be looked for. */
export async function shutDownOrphan(cluster: string): Promise<void> {
  const orphan = await liveServer(cluster);
  if (orphan === undefined) return;
  await shutDown({
    kill: (signal) => {
      try {
        process.kill(orphan.pid, signal);
      } catch {
        // Gone between the look and the signal.
      }
    },
    waitUntilGone: async (timeoutMs) => {
      const deadline = Date.now() + timeoutMs;
      while ((await liveServer(cluster))?.pid === orphan.pid) {
        if (Date.now() > deadline) return false;
        await delay(20);
      }
      return true;
    },
  });
}
