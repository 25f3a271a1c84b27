import { isDeepStrictEqual } from 'node:util';
import { LogModel, type EntryInput } from './log-model.ts';

/** What a client did. */
export type Operation =
  | { readonly kind: 'append'; readonly entries: readonly EntryInput[] }
  | { readonly kind: 'read'; readonly streamName: string };

/** How a store answered it: an append with ids and versions by stream or an error's facts, a read with ids. */
export type Answer =
  | {
      readonly kind: 'appended';
      readonly repeated: boolean;
      readonly streams: readonly { readonly version: number; readonly ids: readonly string[] }[];
    }
  | { readonly kind: 'refused'; readonly facts: Readonly<Record<string, unknown>> }
  | { readonly kind: 'read'; readonly ids: readonly string[] };

/** An operation with the moments it was called and answered, on one clock. */
export interface Observed {
  readonly operation: Operation;
  readonly answer: Answer;
  readonly called: number;
  readonly answered: number;
}

/**
 * Whether one order explains a history: every operation takes effect at one moment between its call and its answer, and
 * each answer is what the model says at that moment. Tries every order (Wing and Gong 1993), remembering dead ends.
 */
export function isLinearizable(history: readonly Observed[]): boolean {
  const deadEnds = new Set<string>();

  const search = (left: readonly Observed[], model: LogModel): boolean => {
    if (left.length === 0) return true;
    const state = JSON.stringify([
      left.map(({ called }) => called),
      model.log.map(({ id, streamName }) => [id, streamName]),
    ]);
    if (deadEnds.has(state)) return false;
    const firstAnswer = Math.min(...left.map(({ answered }) => answered));
    for (const next of left) {
      // It was called after another one had been answered: it cannot come before that one.
      if (next.called > firstAnswer) continue;
      const after = takeEffect(model, next);
      if (after === undefined) continue;
      if (
        search(
          left.filter((item) => item !== next),
          after,
        )
      ) {
        return true;
      }
    }
    deadEnds.add(state);
    return false;
  };

  return search(history, new LogModel());
}

/** The model after the operation, or undefined if the answer is wrong at this moment. */
function takeEffect(model: LogModel, { operation, answer }: Observed): LogModel | undefined {
  if (operation.kind === 'read') {
    const ids = model.stream(operation.streamName).map(({ id }) => id);
    return isDeepStrictEqual(answer, { kind: 'read', ids }) ? model : undefined;
  }
  const { entries } = operation;
  const verdict = model.judge(entries);
  switch (verdict.status) {
    case 'refused':
      return isDeepStrictEqual(answer, { kind: 'refused', facts: verdict.facts }) ? model : undefined;
    case 'repeated': {
      const streams = verdict.streams.map((events, at) => ({
        version: events.at(-1)?.streamVersion ?? model.version(entries[at]?.streamName ?? ''),
        ids: events.map(({ id }) => id),
      }));
      return isDeepStrictEqual(answer, { kind: 'appended', repeated: true, streams }) ? model : undefined;
    }
    case 'appended': {
      if (answer.kind !== 'appended' || answer.repeated) return undefined;
      const after = model.copy();
      const chosen = entries.flatMap(({ events = [] }) =>
        events.map(({ id = '' }) => ({ id, globalPosition: 0, recordedAt: 0 })),
      );
      const added = after.add(entries, chosen);
      const streams = entries.map(({ streamName }, at) => ({
        version: after.version(streamName),
        ids: added[at]?.map(({ id }) => id) ?? [],
      }));
      return isDeepStrictEqual(answer.streams, streams) ? after : undefined;
    }
  }
}
