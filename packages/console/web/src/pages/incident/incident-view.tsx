import type { EventRecord, WhyNode } from '../../../../src/api-types.ts';
import { StateBadge, Tag } from '../../components/badge.tsx';
import { DataTable, Name } from '../../components/data-table.tsx';
import { EventCard } from '../../components/event-card.tsx';
import { JsonTree } from '../../components/json-tree.tsx';
import { EmptyNotice } from '../../components/notices.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count } from '../../format/numbers.ts';
import { WhyList } from '../events/why-list.tsx';
import { WhyPicture } from '../events/why-picture.tsx';
import { treeOfNodes } from '../events/why-tree.ts';
import type { Incident, IncidentCommand, IncidentEvent } from './incident-file.ts';
import { IncidentProjections } from './incident-projections.tsx';

/** An incident, as it was when somebody has written it down: nothing here is asked of the console. */
export function IncidentView({ incident }: { readonly incident: Incident }) {
  const { subject, stream, events, folds } = incident;
  const isSubject = ({ streamName, streamVersion }: IncidentEvent): boolean =>
    streamName === subject.streamName && streamVersion === subject.streamVersion;
  const focus = events.find(isSubject)?.id ?? '';
  const tree = treeOfNodes(nodesOf(incident));
  return (
    <>
      <Panel title="Subject" aside={<Tag>payloads {incident.payloads}</Tag>}>
        <Facts
          facts={[
            ['Stream', subject.streamName],
            ['At version', `${count(subject.streamVersion)} of ${count(stream.version)}`],
            ['Position', count(subject.globalPosition)],
            ['State of the stream', stream.state],
            ['Written', <TimeAgo at={Date.parse(incident.createdAt)} />],
            ...Object.entries(incident.software),
          ]}
        />
      </Panel>
      {folds
        .filter(({ error }) => error !== undefined)
        .map(({ name, error }) => (
          <div key={name} class="notice notice-error">
            <p class="notice-title">
              {name}: {error?.message}
            </p>
            <code>{error?.code}</code>
          </div>
        ))}
      <IncidentProjections projections={incident.projections} />
      <Panel title="Why it happened, and what followed">
        <WhyPicture tree={tree} focus={focus} />
        <details class="as-list">
          <summary>As a list</summary>
          <WhyList tree={tree} focus={focus} />
        </details>
      </Panel>
      <Panel title="Events of the stream">
        {events.toReversed().map((event, index) => (
          <EventCard key={event.id} event={recordOf(event, incident)} isOpen={index === 0} hasStream={false} />
        ))}
      </Panel>
      {folds.map(({ name, state }) => (
        <Panel key={name} title={`State: ${name}`}>
          <JsonTree label={`State of ${name}`} value={state} />
        </Panel>
      ))}
      <Commands commands={incident.commands ?? []} />
      <Panel title="Feed and processes">
        <JsonTree label="Feed and processes" value={{ feed: incident.feed, processes: incident.processes }} />
      </Panel>
    </>
  );
}

function recordOf(event: IncidentEvent, { stream, payloads }: Incident): EventRecord {
  return { ...event, category: stream.category, recordedAt: Date.parse(event.recordedAt), payloads };
}

/** Commands that events name as their cause, and all events, by what they say has caused them. */
function nodesOf({ events, related, commands = [] }: Incident): readonly WhyNode[] {
  const all = [...new Map([...events, ...related].map((event) => [event.id, event])).values()].toSorted(
    (left, right) => left.globalPosition - right.globalPosition,
  );
  const labels = new Map(commands.map(({ id, type }) => [id, type]));
  const causes = new Set(all.map(causeOf).filter((id) => id !== undefined && !all.some((event) => event.id === id)));
  return [
    ...[...causes].map((id): WhyNode => ({ id: id ?? '', kind: 'command', label: labels.get(id ?? '') ?? 'command' })),
    ...all.map((event): WhyNode => {
      const causedBy = causeOf(event);
      const { id, type } = event;
      const node = {
        id,
        kind: 'event',
        label: type,
        event: { ...event, recordedAt: Date.parse(event.recordedAt) },
      } as const;
      return causedBy === undefined ? node : { ...node, causedBy };
    }),
  ];
}

function causeOf({ metadata }: IncidentEvent): string | undefined {
  const id = metadata['causationId'];
  return typeof id === 'string' ? id : undefined;
}

function Commands({ commands }: { readonly commands: readonly IncidentCommand[] }) {
  return (
    <Panel title="Commands">
      <DataTable
        label="Commands"
        rows={commands}
        keyOf={({ id, status }) => `${id} ${status}`}
        empty={<EmptyNotice title="The audit log knew none." />}
        columns={[
          { title: 'Command', isWide: true, cell: ({ type }) => <Name text={type} /> },
          { title: 'When', cell: ({ at }) => <TimeAgo at={Date.parse(at)} /> },
          { title: 'Status', cell: ({ status }) => <StateBadge state={status} /> },
          { title: 'User', cell: ({ userId }) => userId ?? 'unknown' },
          { title: 'Error', cell: ({ errorCode }) => <Name text={errorCode ?? ''} /> },
        ]}
      />
    </Panel>
  );
}
