import type { OpenTransaction } from '../core/index.ts';

/** Milliseconds without a word of the server, after which one who repeats what he asks waits no longer. */
export const LONGEST_SILENCE = 60_000;

/** Nothing has come for too long. */
export class Silence extends Error {}

/** A statement of which there is always another one: without an answer, its connection is given up. */
export function untilSilent<T>(statement: T): T & { readonly longestSilence: number } {
  return { ...statement, longestSilence: LONGEST_SILENCE };
}

/**
 * The answer to what was sent on a connection, unless nothing at all comes on it for so many milliseconds: then it rejects with {@link Silence}. Where the
 * network swallows what is sent, as when a server is replaced by another at its address, TCP takes a quarter of an hour to say so.
 */
export async function answerOf<T>(client: OpenTransaction, longestSilence: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    const wait = (heard: number): void => {
      timer = setTimeout(() => {
        const now = bytesFrom(client);
        // A long answer on a slow line.
        if (now > heard) wait(now);
        else reject(new Silence(`nothing has come for ${longestSilence} ms`));
      }, longestSilence);
    };
    wait(bytesFrom(client));
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** What has come on a connection of `pg` so far; 0 of any other. */
function bytesFrom({ connection }: OpenTransaction & WithSocket): number {
  return connection?.stream?.bytesRead ?? 0;
}

interface WithSocket {
  readonly connection?: { readonly stream?: { readonly bytesRead?: number } };
}
