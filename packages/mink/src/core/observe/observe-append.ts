import { errorCodeOf } from '../commands/middleware/outcome.ts';
import type { Appended, AppendedStream } from '../store/append.ts';
import { KnownResult } from '../store/keyed.ts';
import { statusOfAppend } from './append-status.ts';
import { tellObserver, type ObservedAppend, type Observer } from './observer.ts';

/** Tells an observer how an append ended, and how long it took. Without one, it costs nothing. */
export function observeAppend(observer: Observer | undefined, append: () => Promise<Appended>): Promise<Appended> {
  return observer === undefined ? append() : timeAppend(observer, append);
}

async function timeAppend(observer: Observer, append: () => Promise<Appended>): Promise<Appended> {
  const begun = performance.now();
  const tell = (
    status: ObservedAppend['status'],
    errorCode: string | undefined,
    streams: readonly AppendedStream[],
  ): void => {
    tellObserver(observer, 'appended', { status, errorCode, streams, seconds: (performance.now() - begun) / 1_000 });
  };
  try {
    const appended = await append();
    tell(appended.repeated ? 'repeated' : 'stored', undefined, appended.streams);
    return appended;
  } catch (error) {
    tell(statusOfAppend(error), error instanceof KnownResult ? undefined : errorCodeOf(error), []);
    throw error;
  }
}
