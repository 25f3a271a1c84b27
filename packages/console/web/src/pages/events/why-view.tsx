import type { Why, WhyCommand } from '../../../../src/api-types.ts';
import { apiPath, withQuery } from '../../api/client.ts';
import { useResource } from '../../api/use-resource.ts';
import { StateBadge, Tag } from '../../components/badge.tsx';
import { CopyButton } from '../../components/copy-button.tsx';
import { ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { Payload, useReveal } from '../../components/payload.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count } from '../../format/numbers.ts';
import { Link, pathOf } from '../../routing/location.tsx';
import { HandledBy } from './handled-by.tsx';
import { WhyList } from './why-list.tsx';
import { WhyPicture } from './why-picture.tsx';
import { treeOf } from './why-tree.ts';

/** One event: what it came of, what it led to, and who has handled it. */
export function WhyView({ position }: { readonly position: string }) {
  const { payloads, button } = useReveal();
  const resource = useResource<Why>(withQuery(apiPath('events', position, 'why'), { payloads }));
  const event = resource.data?.event;
  return (
    <>
      <PageHeader
        title={event === undefined ? `Event ${position}` : event.type}
        parent={{ label: 'Events', to: '/events' }}
        badges={event !== undefined && <Tag>position {count(event.globalPosition)}</Tag>}
      >
        {button}
      </PageHeader>
      <ResourceView resource={resource} rows={12}>
        {(why) => <Explained why={why} />}
      </ResourceView>
    </>
  );
}

function Explained({ why }: { readonly why: Why }) {
  const { event, command } = why;
  const tree = treeOf(why);
  return (
    <>
      <Panel
        title="Why it happened, and what followed"
        aside={
          <span class={why.isComplete ? 'muted' : 'text-warn'}>
            {why.isComplete
              ? 'searched to the end of the log'
              : `searched up to position ${count(why.searchedTo)}: there may be more`}
          </span>
        }
      >
        <WhyPicture tree={tree} focus={event.id} />
        <details class="as-list">
          <summary>As a list</summary>
          <WhyList tree={tree} focus={event.id} />
        </details>
      </Panel>
      <div class="columns">
        <Panel title="Event">
          <Facts
            facts={[
              ['Stream', <Link to={pathOf('streams', event.streamName)}>{event.streamName}</Link>],
              [
                'Version',
                <Link to={`${pathOf('streams', event.streamName)}?view=states&at=${event.streamVersion}`}>
                  {count(event.streamVersion)}, with its state
                </Link>,
              ],
              ['Schema version', count(event.schemaVersion)],
              ['Recorded', <TimeAgo at={event.recordedAt} />],
              [
                'Id',
                <>
                  <code>{event.id}</code> <CopyButton text={event.id} label="event id" />
                </>,
              ],
              ...(command === undefined ? [] : commandFacts(command)),
            ]}
          />
        </Panel>
        <HandledBy projections={why.projections} />
      </div>
      <Panel title="Payload">
        <Payload event={event} />
      </Panel>
    </>
  );
}

function commandFacts(command: WhyCommand) {
  return [
    ['Command', command.type ?? <code>{command.id}</code>],
    ['Sent by', command.userId ?? 'unknown'],
    ['Sent', <TimeAgo at={command.at} />],
    ['Outcome', command.status === undefined ? 'unknown' : <StateBadge state={command.status} />],
  ] as const;
}
