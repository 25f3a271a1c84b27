import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { EventRecord, PayloadAccess } from '../../../src/api-types.ts';
import { useSession } from '../api/session.tsx';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import { JsonTree } from './json-tree.tsx';

export interface Reveal {
  /** What to ask the API for. */
  readonly payloads: PayloadAccess;
  readonly button: VNode;
}

/** Whether values are shown. Never part of the URL: a link must not make somebody look at what is audited. */
export function useReveal(): Reveal {
  const access = useSession().session?.user?.payloads ?? 'none';
  const [isRevealed, setIsRevealed] = useState(false);
  const refusal =
    access === 'full' ? undefined : `Your permission for payloads is "${access}"; it takes "full" to see values.`;
  const button = (
    <Button
      refusal={refusal}
      aria-pressed={isRevealed}
      title="Shows values instead of their kinds. That you have seen them is written to the audit log."
      onClick={() => setIsRevealed(!isRevealed)}
    >
      <Icon name="eye" />
      {isRevealed ? 'Mask values' : 'Reveal values (audited)'}
    </Button>
  );
  return { payloads: access === 'none' ? 'none' : isRevealed ? 'full' : 'masked', button };
}

/** What an event carries. */
export function Payload({ event }: { readonly event: EventRecord }) {
  if (event.payloads === 'none')
    return <p class="muted">Payloads are not shown: your permission for them is "none".</p>;
  return (
    <div class="payload">
      <div>
        <h3>Data</h3>
        <JsonTree label={`Data of ${event.type}`} value={event.data} />
      </div>
      <div>
        <h3>Metadata</h3>
        <JsonTree label={`Metadata of ${event.type}`} value={event.metadata ?? {}} />
      </div>
    </div>
  );
}
