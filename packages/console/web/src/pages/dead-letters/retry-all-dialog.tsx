import { useState } from 'preact/hooks';
import type { Job, Problem, ProjectionSummary } from '../../../../src/api-types.ts';
import { apiPath, postJson } from '../../api/client.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { announce } from '../../components/toasts.tsx';
import { counted } from '../../format/numbers.ts';

export interface RetryAllDialogProps {
  readonly projection: ProjectionSummary;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Retries every key, after the exact number of them was seen. */
export function RetryAllDialog({ projection, onDone, onClose }: RetryAllDialogProps) {
  const [keys, setKeys] = useState(projection.parkedKeys);
  const path = apiPath('dead-letters', projection.name, projection.version, 'retry-all');
  const run = async (): Promise<void> => {
    await postJson<Job>(path, { confirm: keys });
    announce(`Retrying ${counted(keys, 'key')} has begun.`);
    onDone();
  };
  const recount = ({ code, count }: Problem): void => {
    if (code === 'COUNT_CHANGED' && count !== undefined) setKeys(count);
  };
  return (
    <ConfirmDialog
      title={`Retry all keys of ${projection.name}`}
      confirmLabel={`Retry ${counted(keys, 'key')}`}
      run={run}
      onProblem={recount}
      onClose={onClose}
    >
      <p>
        The waiting events of {counted(keys, 'key')} are applied with the code of this console, key by key, in order.
        What fails again stays parked. Nothing is applied twice.
      </p>
    </ConfirmDialog>
  );
}
