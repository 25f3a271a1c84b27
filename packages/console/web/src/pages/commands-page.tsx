import type { AuditPage, AuditRecord } from '../../../src/api-types.ts';
import { usePages } from '../api/use-pages.ts';
import { StateBadge, Tag } from '../components/badge.tsx';
import { DataTable, Name, type Column } from '../components/data-table.tsx';
import { SearchField, SelectField } from '../components/fields.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyNotice, ResourceView } from '../components/notices.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { TimeAgo } from '../components/time-ago.tsx';
import { count } from '../format/numbers.ts';
import { isStreamName } from '../format/stream-names.ts';
import { IN_PLACE, Link, pathOf, useFilters } from '../routing/location.tsx';

const KINDS = [
  { value: '', label: 'all' },
  { value: 'command', label: 'commands' },
  { value: 'query', label: 'queries' },
  { value: 'action', label: 'actions of operators' },
  { value: 'view', label: 'views of payloads' },
];

const STATUSES = [
  { value: '', label: 'all' },
  ...['attempted', 'succeeded', 'refused', 'failed'].map((status) => ({ value: status, label: status })),
];

/** Who asked for what, and what came of it. */
export function CommandsPage() {
  const [filters, change] = useFilters();
  const value = (name: string): string => filters.get(name) ?? '';
  const pages = usePages<AuditPage>('audit', {
    query: {
      kinds: value('kinds'),
      type: value('type'),
      userId: value('userId'),
      status: value('status'),
      stream: isStreamName(value('stream')) ? value('stream') : undefined,
      limit: 100,
    },
    cursor: 'before',
  });
  const search = (label: string, name: string) => (
    <SearchField label={label} value={value(name)} onChange={(text) => change({ [name]: text }, IN_PLACE)} />
  );
  return (
    <>
      <PageHeader title="Commands">
        <SelectField label="Kind" value={value('kinds')} onChange={(kinds) => change({ kinds })} choices={KINDS} />
        {search('Type', 'type')}
        {search('User', 'userId')}
        <SelectField
          label="Status"
          value={value('status')}
          onChange={(status) => change({ status })}
          choices={STATUSES}
        />
        {search('Stream', 'stream')}
      </PageHeader>
      <ResourceView resource={pages} rows={12}>
        {(read) => (
          <DataTable
            label="Audit log"
            columns={COLUMNS}
            rows={read.flatMap((page) => page.entries)}
            keyOf={({ id }) => id}
            toneOf={({ errorCode }) => (errorCode === undefined ? undefined : 'warn')}
            empty={
              <EmptyNotice title="Nothing is in the audit log, or nothing like that.">
                Commands come here with the layer <code>audit(store.operations.audit.write)</code> of the command bus;
                what is done in this console comes by itself.
              </EmptyNotice>
            }
          />
        )}
      </ResourceView>
      <LoadMore pages={pages} />
    </>
  );
}

const COLUMNS: readonly Column<AuditRecord>[] = [
  { title: 'When', cell: ({ at }) => <TimeAgo at={at} /> },
  { title: 'Kind', cell: ({ kind }) => <Tag>{kind}</Tag> },
  { title: 'What', cell: ({ type, messageId }) => <span title={`Id ${messageId}`}>{type}</span> },
  { title: 'Status', cell: ({ status }) => <StateBadge state={status} /> },
  { title: 'User', cell: ({ userId }) => <Name text={userId ?? 'unknown'} /> },
  {
    title: 'Stream',
    isWide: true,
    cell: ({ streamName, streamVersion }) =>
      streamName === undefined ? (
        <span class="muted">–</span>
      ) : (
        <Name text={streamName}>
          <Link to={pathOf('streams', streamName)}>{streamName}</Link> <span class="muted">{count(streamVersion)}</span>
        </Name>
      ),
  },
  {
    title: 'Details',
    isMinor: true,
    isWide: true,
    cell: ({ errorCode, details }) => (
      <Name text={[errorCode, details === undefined ? undefined : JSON.stringify(details)].filter(Boolean).join(' ')} />
    ),
  },
];
