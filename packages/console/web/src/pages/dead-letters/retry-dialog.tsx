import { useState } from 'preact/hooks';
import type { ParkedKey, Problem, RetryOutcome } from '../../../../src/api-types.ts';
import { postJson } from '../../api/client.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { announce } from '../../components/toasts.tsx';
import { count, counted } from '../../format/numbers.ts';

export interface RetryDialogProps {
  /** Of the key in the API. */
  readonly path: string;
  readonly parked: ParkedKey;
  readonly onDone: (outcome: RetryOutcome) => void;
  readonly onClose: () => void;
}

/** Applies what waits, after its exact number was seen. */
export function RetryDialog({ path, parked, onDone, onClose }: RetryDialogProps) {
  const [events, setEvents] = useState(parked.events);
  const run = async (): Promise<void> => {
    const outcome = await postJson<RetryOutcome>(`${path}/retry`, { confirm: events });
    announce(
      `Applied ${counted(outcome.applied, 'event')}, ${count(outcome.left)} left.`,
      outcome.left > 0 ? 'danger' : 'plain',
    );
    onDone(outcome);
  };
  return (
    <ConfirmDialog
      title={`Retry ${parked.key}`}
      confirmLabel={`Retry ${counted(events, 'event')}`}
      run={run}
      onProblem={recount(setEvents)}
      onClose={onClose}
    >
      <p>
        {counted(events, 'event')} of this key {events === 1 ? 'is' : 'are'} applied to {parked.projection}, version{' '}
        {parked.version}, in order. If all succeed, the key goes on by itself; the first that fails stays parked with
        those behind it.
      </p>
    </ConfirmDialog>
  );
}

/** Where there are more or fewer by now, the dialog asks for that number. */
export const recount =
  (set: (events: number) => void) =>
  ({ code, count: now }: Problem): void => {
    if (code === 'COUNT_CHANGED' && now !== undefined) set(now);
  };
