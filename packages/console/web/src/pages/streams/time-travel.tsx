import { useCallback, useEffect, useState } from 'preact/hooks';
import type { EventPage, EventRecord, StatePage, StateStep, StreamDetail } from '../../../../src/api-types.ts';
import { apiPath, getJson, withQuery } from '../../api/client.ts';
import { useWindows } from '../../api/use-windows.ts';
import { EmptyNotice, ErrorNotice } from '../../components/notices.tsx';
import { useReveal } from '../../components/payload.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { VirtualList } from '../../components/virtual-list.tsx';
import { count } from '../../format/numbers.ts';
import { IN_PLACE, useFilters } from '../../routing/location.tsx';
import { PlayControls } from './play-controls.tsx';
import { StepView } from './step-view.tsx';

export interface TimeTravelProps {
  readonly stream: StreamDetail;
  /** Whose states are shown. */
  readonly fold: string;
}

/** States may be large, events without payloads are not. */
const STATES = 20;
const EVENTS = 200;
const ROW_HEIGHT = 34;
/** Milliseconds until the URL says where the slider is. */
const URL_PAUSE = 250;

/** The state after each event, and what the event changed in it. */
export function TimeTravel({ stream, fold }: TimeTravelProps) {
  const [at, setAt] = useVersionOfUrl(stream.version);
  const { payloads, button } = useReveal();
  const path = apiPath('streams', stream.streamName);
  const steps = useWindows<StateStep>({
    key: `${path} ${fold} ${payloads}`,
    size: STATES,
    load: async function* (from, limit, signal) {
      // Large states come a few at a time, and those before an event that the code fails at without it.
      for (let next: number | undefined = from; next !== undefined && next < from + limit;) {
        const query = { fold, from: next, limit: from + limit - next, payloads };
        const page: StatePage = await getJson(withQuery(`${path}/states`, query), signal);
        yield page.steps;
        next = page.next;
      }
    },
    numberOf: ({ event }) => event.streamVersion,
  });
  const events = useWindows<EventRecord>({
    key: path,
    size: EVENTS,
    load: async function* (from, limit, signal) {
      yield (await getJson<EventPage>(withQuery(`${path}/events`, { from, limit, payloads: 'none' }), signal)).events;
    },
    numberOf: ({ streamVersion }) => streamVersion,
  });
  const { want: wantStep } = steps;
  const { want: wantEvents } = events;
  useEffect(() => wantStep(at, at), [at, wantStep, stream.version, fold, payloads]);
  const onSight = useCallback((first: number, last: number) => wantEvents(first + 1, last + 1), [wantEvents]);
  const step = steps.get(at);
  const error = (step === undefined ? steps.error : undefined) ?? events.error;

  if (stream.version === 0) return <EmptyNotice title="There is no event to go back to." />;
  return (
    <div class="travel">
      <div class="travel-list panel">
        <VirtualList
          label="Events of the stream"
          size={stream.version}
          rowHeight={ROW_HEIGHT}
          selected={at - 1}
          onSelect={(index) => setAt(index + 1)}
          onSight={onSight}
          row={(index) => <EventRow version={index + 1} event={events.get(index + 1)} />}
        />
      </div>
      <div class="travel-state panel">
        <PlayControls at={at} last={stream.version} type={step?.event.type} isReady={step !== undefined} onMove={setAt}>
          {button}
        </PlayControls>
        {error !== undefined && <ErrorNotice problem={error} retry={() => wantStep(at, at)} />}
        {(step !== undefined || error === undefined) && <StepView step={step} version={at} />}
      </div>
    </div>
  );
}

function EventRow({ version, event }: { readonly version: number; readonly event: EventRecord | undefined }) {
  return (
    <>
      <span class="number muted">{count(version)}</span>
      {event === undefined ? (
        <span class="skeleton-row" />
      ) : (
        <>
          <span class="name" title={event.type}>
            {event.type}
          </span>
          <span class="muted">
            <TimeAgo at={event.recordedAt} />
          </span>
        </>
      )}
    </>
  );
}

/** The version that the URL names, otherwise the last; the URL follows what is chosen, after a pause. */
function useVersionOfUrl(last: number): readonly [number, (version: number) => void] {
  const [filters, change] = useFilters();
  const [at, setAt] = useState(() => Number(filters.get('at') ?? last));
  const isChosen = filters.has('at') || at !== last;
  useEffect(() => {
    if (!isChosen) return undefined;
    const timer = setTimeout(() => change({ at: String(at) }, IN_PLACE), URL_PAUSE);
    return () => clearTimeout(timer);
  }, [at, isChosen, change]);
  return [Math.min(Math.max(1, Number.isInteger(at) ? at : last), Math.max(last, 1)), setAt];
}
