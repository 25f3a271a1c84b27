import { useState } from 'preact/hooks';
import type { ParkedEvents, RetryOutcome } from '../../../../src/api-types.ts';
import { apiPath, asProblem, postJson, withQuery } from '../../api/client.ts';
import { useSession } from '../../api/session.tsx';
import { useResource } from '../../api/use-resource.ts';
import { Button } from '../../components/button.tsx';
import { ChangeList } from '../../components/change-list.tsx';
import { EventCard } from '../../components/event-card.tsx';
import { EmptyNotice, ErrorNotice, ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { useReveal } from '../../components/payload.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { announce } from '../../components/toasts.tsx';
import { count, counted } from '../../format/numbers.ts';
import { Link, pathOf } from '../../routing/location.tsx';
import { DiscardDialog } from './discard-dialog.tsx';
import { RetryDialog } from './retry-dialog.tsx';

export interface ParkedKeyViewProps {
  readonly projection: string;
  readonly version: string;
  readonly parkedKey: string;
}

/** One key: why it waits, what waits behind it, and what a retry would do. */
export function ParkedKeyView({ projection, version, parkedKey }: ParkedKeyViewProps) {
  const path = apiPath('dead-letters', projection, version, parkedKey);
  const { payloads, button } = useReveal();
  const resource = useResource<ParkedEvents>(withQuery(path, { payloads }));
  const [asked, setAsked] = useState<'retry' | 'discard'>();
  const [outcome, setOutcome] = useState<RetryOutcome>();
  const { key, events } = resource.data ?? {};
  const isGone = resource.error?.code === 'KEY_NOT_PARKED';

  const done = (found?: RetryOutcome): void => {
    setOutcome(found);
    resource.reload();
  };
  return (
    <>
      <PageHeader title={parkedKey} isName parent={{ label: 'Dead letters', to: '/dead-letters' }}>
        {key !== undefined && !isGone && (
          <Actions path={path} payloads={payloads} hasCode={key.hasCode} onAsk={setAsked} onOutcome={setOutcome} />
        )}
        {button}
      </PageHeader>
      {outcome !== undefined && <Outcome outcome={outcome} />}
      {isGone && (
        <EmptyNotice title="Nothing of this key waits.">It was retried or discarded, or was never parked.</EmptyNotice>
      )}
      {!isGone && (
        <ResourceView resource={resource}>
          {() => (
            <>
              {key !== undefined && (
                <Panel title="Why it waits">
                  <p class="cause">{key.error}</p>
                  <Facts
                    facts={[
                      [
                        'Projection',
                        <Link to={pathOf('projections', projection, version)}>{`${projection} ${version}`}</Link>,
                      ],
                      ['Attempts', count(key.attempts)],
                      ['First failed', <TimeAgo at={key.firstFailedAt} />],
                      ['Last tried', <TimeAgo at={key.lastFailedAt} />],
                      ['Failed at', <Link to={pathOf('events', key.position)}>{count(key.position)}</Link>],
                      ['Waiting behind it', counted(Math.max(0, key.events - 1), 'event')],
                    ]}
                  />
                </Panel>
              )}
              {events !== undefined && events.length > 0 && (
                <Panel
                  title="Events that wait"
                  aside={
                    key !== undefined &&
                    key.events > events.length &&
                    `the first ${events.length} of ${count(key.events)}`
                  }
                >
                  {events.map((event, index) => (
                    <EventCard key={event.id} event={event} isOpen={index === 0} />
                  ))}
                </Panel>
              )}
            </>
          )}
        </ResourceView>
      )}
      {asked === 'retry' && key !== undefined && (
        <RetryDialog path={path} parked={key} onDone={done} onClose={() => setAsked(undefined)} />
      )}
      {asked === 'discard' && key !== undefined && (
        <DiscardDialog path={path} parked={key} onDone={() => done()} onClose={() => setAsked(undefined)} />
      )}
    </>
  );
}

interface ActionsProps {
  readonly path: string;
  readonly payloads: string;
  readonly hasCode: boolean;
  readonly onAsk: (action: 'retry' | 'discard') => void;
  readonly onOutcome: (outcome: RetryOutcome) => void;
}

function Actions({ path, payloads, hasCode, onAsk, onOutcome }: ActionsProps) {
  const refusals = useSession().session?.refusals ?? {};
  const [isTrying, setIsTrying] = useState(false);
  const noCode = hasCode ? undefined : 'This console has no code of the projection: applying events takes it.';
  const tryOut = async (): Promise<void> => {
    setIsTrying(true);
    try {
      onOutcome(await postJson<RetryOutcome>(withQuery(`${path}/dry-run`, { payloads })));
    } catch (error) {
      announce(asProblem(error).message, 'danger');
    } finally {
      setIsTrying(false);
    }
  };
  return (
    <div class="buttons" role="group" aria-label="What to do with the key">
      <Button refusal={refusals['dry-run'] ?? noCode} isBusy={isTrying} onClick={() => void tryOut()}>
        Dry run
      </Button>
      <Button tone="primary" refusal={refusals.retry ?? noCode} onClick={() => onAsk('retry')}>
        Retry
      </Button>
      <Button tone="danger" refusal={refusals.discard} onClick={() => onAsk('discard')}>
        Discard
      </Button>
    </div>
  );
}

function Outcome({ outcome }: { readonly outcome: RetryOutcome }) {
  const isDry = outcome.changes !== undefined;
  return (
    <Panel title={isDry ? 'What a retry would do' : 'What the retry did'}>
      <p role="status">
        {isDry ? 'Would apply ' : 'Applied '}
        {counted(outcome.applied, 'event')}; {count(outcome.left)} {isDry ? 'would be left' : 'left'}.
      </p>
      {outcome.error !== undefined && <ErrorNotice problem={{ code: 'FAILED_AGAIN', message: outcome.error }} />}
      {outcome.changes !== undefined && <ChangeList changes={outcome.changes} label="Changes of the read model" />}
    </Panel>
  );
}
