import { useState } from 'preact/hooks';
import type { Job, ProjectionAction, ProjectionDetail, ProjectionSummary } from '../../../../src/api-types.ts';
import { apiPath, postJson } from '../../api/client.ts';
import { useSession } from '../../api/session.tsx';
import { Button } from '../../components/button.tsx';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { TextField } from '../../components/fields.tsx';
import { announce } from '../../components/toasts.tsx';
import { ACTIONS } from './projection-actions.ts';

export interface ActionBarProps {
  readonly detail: ProjectionDetail;
  /** Called after an action, so that what is shown is read again. */
  readonly onDone: () => void;
}

const RUNNING: readonly ProjectionAction[] = ['pause', 'resume', 'reset', 'rebuild', 'partition', 'verify'];
const LIFE: readonly ProjectionAction[] = ['plan', 'build', 'compare', 'what-if', 'switch', 'rollback', 'retire'];

/** What may be done; and what may not, with the reason. */
export function ActionBar({ detail, onDone }: ActionBarProps) {
  const [asked, setAsked] = useState<ProjectionAction>();
  const refusals = useSession().session?.refusals ?? {};
  const group = (label: string, actions: readonly ProjectionAction[]) => (
    <div class="buttons" role="group" aria-label={label}>
      {actions.map((action) => (
        <Button
          key={action}
          refusal={refusalOf(action, { ...detail.refusals, ...refusals }, detail)}
          onClick={() => setAsked(action)}
        >
          {ACTIONS[action].label}
        </Button>
      ))}
    </div>
  );
  return (
    <div class="action-bar">
      {group('Running', RUNNING)}
      {detail.kind === 'projection' && group('Life of the version', LIFE)}
      {asked !== undefined && (
        <ActionDialog detail={detail} action={asked} onDone={onDone} onClose={() => setAsked(undefined)} />
      )}
    </div>
  );
}

function refusalOf(
  action: ProjectionAction,
  refusals: Readonly<Partial<Record<ProjectionAction, string>>>,
  { actions }: ProjectionDetail,
): string | undefined {
  return refusals[action] ?? (actions.includes(action) ? undefined : 'This cannot be done in its present state.');
}

interface ActionDialogProps extends ActionBarProps {
  readonly action: ProjectionAction;
  readonly onClose: () => void;
}

function ActionDialog({ detail, action, onDone, onClose }: ActionDialogProps) {
  const { label, what, isTyped, tone } = ACTIONS[action];
  const [partitions, setPartitions] = useState(String(detail.wantedPartitions));
  const isPartition = action === 'partition';
  const run = async (): Promise<void> => {
    const path = apiPath('projections', detail.name, detail.version, action);
    const body = {
      ...(isTyped ? { confirm: detail.name } : {}),
      ...(isPartition ? { partitions: Number(partitions) } : {}),
    };
    const answer = await postJson<Job | ProjectionSummary>(path, body);
    announce('startedBy' in answer ? `${label} has begun.` : `${label}: done.`);
    onDone();
  };
  return (
    <ConfirmDialog
      title={`${label} ${detail.name}`}
      typed={isTyped ? detail.name : undefined}
      tone={tone}
      confirmLabel={label}
      run={run}
      onClose={onClose}
    >
      <p>{what(detail)}</p>
      {isPartition && (
        <TextField
          label="Partitions"
          value={partitions}
          onChange={setPartitions}
          hint="From 1 to 64."
          input={{ type: 'number', min: 1, max: 64, required: true }}
        />
      )}
    </ConfirmDialog>
  );
}
