import { useState } from 'preact/hooks';
import type { ParkedKey } from '../../../../src/api-types.ts';
import { postJson } from '../../api/client.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { TextField } from '../../components/fields.tsx';
import { announce } from '../../components/toasts.tsx';
import { counted } from '../../format/numbers.ts';
import { recount } from './retry-dialog.tsx';

export interface DiscardDialogProps {
  /** Of the key in the API. */
  readonly path: string;
  readonly parked: ParkedKey;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Gives events up, with a reason that stays. */
export function DiscardDialog({ path, parked, onDone, onClose }: DiscardDialogProps) {
  const [events, setEvents] = useState(parked.events);
  const [reason, setReason] = useState('');
  const run = async (): Promise<void> => {
    await postJson(`${path}/discard`, { confirm: events, reason: reason.trim() });
    announce(`Discarded ${counted(events, 'event')}.`);
    onDone();
  };
  return (
    <ConfirmDialog
      title={`Discard ${parked.key}`}
      typed={parked.key}
      tone="danger"
      confirmLabel={`Discard ${counted(events, 'event')}`}
      refusal={reason.trim() === '' ? 'Give a reason first.' : undefined}
      run={run}
      onProblem={recount(setEvents)}
      onClose={onClose}
    >
      <p>
        {counted(events, 'event')} {events === 1 ? 'is' : 'are'} never applied to {parked.projection}, version{' '}
        {parked.version}, unless it is reset or rebuilt. They stay in the log. The key goes on with its next event; its
        row may be wrong from then on.
      </p>
      <TextField
        label="Reason"
        value={reason}
        onChange={setReason}
        hint="For those who ask later: it is kept with your name."
        input={{ required: true, maxLength: 500 }}
      />
    </ConfirmDialog>
  );
}
