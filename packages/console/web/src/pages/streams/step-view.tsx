import { useRef } from 'preact/hooks';
import type { StateStep } from '../../../../src/api-types.ts';
import { ChangeList } from '../../components/change-list.tsx';
import { JsonTree } from '../../components/json-tree.tsx';
import { Skeleton } from '../../components/notices.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count, counted } from '../../format/numbers.ts';
import { Link, pathOf } from '../../routing/location.tsx';

export interface StepViewProps {
  /** Undefined while it is read: until then the one before is shown. */
  readonly step: StateStep | undefined;
  readonly version: number;
}

/** One event, what it changed, and the state afterwards. */
export function StepView({ step, version }: StepViewProps) {
  const shown = useRef(step);
  if (step !== undefined) shown.current = step;
  const { current } = shown;
  if (current === undefined) return <Skeleton rows={10} />;
  const { event, state, changes } = current;
  return (
    <div class="step" aria-busy={event.streamVersion !== version}>
      <p class="step-event">
        <b>{event.type}</b> <TimeAgo at={event.recordedAt} />, position{' '}
        <Link to={pathOf('events', event.globalPosition)}>{count(event.globalPosition)}</Link>
      </p>
      <div class="step-parts">
        <section aria-label="Changes">
          <h3>{counted(changes.length, 'change')}</h3>
          <ChangeList changes={changes} label={`Changes by event ${event.streamVersion}`} />
          <h3>Data of the event</h3>
          <JsonTree label={`Data of ${event.type}`} value={event.data ?? {}} />
        </section>
        <section aria-label="State">
          <h3>State after it</h3>
          <JsonTree label={`State at version ${event.streamVersion}`} value={state} changes={changes} />
        </section>
      </div>
    </div>
  );
}
