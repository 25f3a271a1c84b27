import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Problem } from '../../../src/api-types.ts';
import { asProblem } from '../api/client.ts';
import { Button } from './button.tsx';
import { Dialog } from './dialog.tsx';
import { TextField } from './fields.tsx';
import { ErrorNotice } from './notices.tsx';

export interface ConfirmDialogProps {
  readonly title: string;
  /** What will happen, exactly; and fields, where something is to be chosen. */
  readonly children: ComponentChildren;
  /** To be typed first, for what cannot be taken back. */
  readonly typed?: string | undefined;
  readonly confirmLabel: string;
  readonly tone?: 'primary' | 'danger' | undefined;
  /** Why it cannot be confirmed as it is, such as without a reason. */
  readonly refusal?: string | undefined;
  /** Does it. Where it throws, the dialog stays and says why. */
  readonly run: () => Promise<void>;
  readonly onProblem?: (problem: Problem) => void;
  readonly onClose: () => void;
}

/** Asks before something is done. */
export function ConfirmDialog({ title, children, typed, run, onClose, onProblem, ...rest }: ConfirmDialogProps) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setIsBusy] = useState(false);
  const refusal = rest.refusal ?? (typed !== undefined && text !== typed ? `Type ${typed} first.` : undefined);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (refusal !== undefined || isBusy) return;
    setIsBusy(true);
    try {
      await run();
      onClose();
    } catch (error) {
      const found = asProblem(error);
      setProblem(found);
      onProblem?.(found);
      setIsBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="dialog-body" onSubmit={(event) => void submit(event)}>
        {children}
        {typed !== undefined && (
          <TextField label={`Type ${typed} to confirm`} value={text} onChange={setText} input={{ autofocus: true }} />
        )}
        {problem !== undefined && <ErrorNotice problem={problem} />}
        <footer class="dialog-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone={rest.tone ?? 'primary'} refusal={refusal} isBusy={isBusy}>
            {rest.confirmLabel}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
