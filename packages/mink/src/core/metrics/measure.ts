import type { MessageMeasurement } from '../commands/middleware/metrics.ts';
import { inRole } from '../observe/observer-roles.ts';
import type { Observer } from '../observe/observer.ts';
import { METRICS } from './metric-definitions.ts';
import type { Instruments } from './metric-registry.ts';

/** An observer that counts what it hears. */
export function measuringObserver(to: Instruments): Observer {
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
    },
    batched: ({ appends }) => to.record(METRICS.appendBatch, [], appends),
    loaded: ({ from, events, seconds }) => {
      to.record(METRICS.loads, [from], seconds);
      to.record(METRICS.loadedEvents, [], events);
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
export function measuringMessages(to: Instruments): (measured: MessageMeasurement) => void {
  return ({ kind, type, status, seconds, handlerSeconds }) => {
    const isCommand = kind === 'command';
    to.add(isCommand ? METRICS.commands : METRICS.queries, [type, status], 1);
    to.record(isCommand ? METRICS.commandDuration : METRICS.queryDuration, [type], seconds);
    if (isCommand && handlerSeconds !== undefined) to.record(METRICS.commandHandlerDuration, [type], handlerSeconds);
  };
}
