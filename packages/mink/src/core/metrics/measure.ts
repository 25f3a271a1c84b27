import type { MessageHook } from '../commands/middleware/metrics.ts';
import { inRole } from '../observe/observer-roles.ts';
import type { ObservedSnapshot, Observer } from '../observe/observer.ts';
import { METRICS } from './metric-definitions.ts';
import type { Instruments } from './metric-registry.ts';

/** What is wrong with a snapshot, or with keeping one, and makes loads slow until somebody does something. */
export const BROKEN_SNAPSHOTS = [
  'corrupt',
  'other-history',
  'failed',
] as const satisfies readonly ObservedSnapshot['status'][];

/** An observer that counts what it hears. */
export function measuringObserver(to: Instruments): Observer {
  // From the beginning: a series that begins with 1 has not increased, says Prometheus, and the first time tells nobody.
  to.add(METRICS.eventsAppended, [], 0);
  for (const status of BROKEN_SNAPSHOTS) to.add(METRICS.snapshots, [status], 0);
  return inRole(['metrics'], {
    appended: ({ status, streams, seconds }) => {
      to.add(METRICS.appends, [status], 1);
      to.record(METRICS.appendDuration, [], seconds);
      if (status !== 'stored') return;
      to.add(
        METRICS.eventsAppended,
        [],
        streams.reduce((sum, { events }) => sum + events.length, 0),
      );
      for (const { events, streamVersion } of streams) {
        if (events.length > 0) to.record(METRICS.streamVersion, [], streamVersion);
      }
    },
    batched: ({ appends }) => to.record(METRICS.appendBatch, [], appends),
    loaded: ({ from, events, seconds }) => {
      to.record(METRICS.loads, [from], seconds);
      to.record(METRICS.loadedEvents, [], events);
    },
    snapshot: ({ status, behind, age }) => {
      to.add(METRICS.snapshots, [status], 1);
      if (behind !== undefined) to.record(METRICS.snapshotBehind, [], behind);
      if (age !== undefined) to.record(METRICS.snapshotAge, [], age);
    },
    projected: ({ projection, version, events, seconds }) => {
      const labels = [projection, String(version)];
      to.add(METRICS.projectionEvents, labels, events);
      to.record(METRICS.projectionBatchDuration, labels, seconds);
    },
    projectionFailed: ({ projection, version, next }) => {
      to.add(METRICS.projectionErrors, [projection, String(version), next], 1);
    },
  });
}

/** Counts messages of a bus: what the layer `metrics` is given. */
export function measuringMessages(to: Instruments): MessageHook {
  // Whoever only tells of ends has begun none.
  let inFlight = 0;
  const ends: MessageHook = ({ kind, type, status, seconds, handlerSeconds, keyUse }) => {
    const isCommand = kind === 'command';
    to.add(isCommand ? METRICS.commands : METRICS.queries, [type, status], 1);
    to.record(isCommand ? METRICS.commandDuration : METRICS.queryDuration, [type], seconds);
    if (!isCommand) return;
    if (inFlight > 0) {
      inFlight -= 1;
      to.add(METRICS.commandsInFlight, [], -1);
    }
    if (handlerSeconds !== undefined) to.record(METRICS.commandHandlerDuration, [type], handlerSeconds);
    if (keyUse !== undefined) to.add(METRICS.keyedCommands, [keyUse], 1);
  };
  return Object.assign(ends, {
    begins: ({ kind }: { readonly kind: 'command' | 'query' }) => {
      if (kind !== 'command') return;
      inFlight += 1;
      to.add(METRICS.commandsInFlight, [], 1);
    },
  });
}
