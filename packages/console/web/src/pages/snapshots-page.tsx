import type { SnapshotPage, SnapshotSummary } from '../../../src/api-types.ts';
import { usePages } from '../api/use-pages.ts';
import { DataTable, Name, type Column } from '../components/data-table.tsx';
import { SearchField } from '../components/fields.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyNotice, ResourceView } from '../components/notices.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { TimeAgo } from '../components/time-ago.tsx';
import { bytes, count } from '../format/numbers.ts';
import { isStreamName } from '../format/stream-names.ts';
import { IN_PLACE, Link, pathOf, useFilters } from '../routing/location.tsx';

/** States that are kept, so that loading is short. */
export function SnapshotsPage() {
  const [filters, change] = useFilters();
  const category = filters.get('category') ?? '';
  const stream = filters.get('stream') ?? '';
  const pages = usePages<SnapshotPage>('snapshots', {
    query: { category, stream: isStreamName(stream) ? stream : undefined, limit: 100 },
    cursor: 'after',
  });
  return (
    <>
      <PageHeader title="Snapshots">
        <SearchField label="Stream" value={stream} onChange={(value) => change({ stream: value }, IN_PLACE)} />
        <SearchField label="Category" value={category} onChange={(value) => change({ category: value }, IN_PLACE)} />
      </PageHeader>
      <ResourceView resource={pages}>
        {(read) => (
          <DataTable
            label="Snapshots"
            columns={COLUMNS}
            rows={read.flatMap((page) => page.snapshots)}
            keyOf={({ streamName, name, streamVersion }) => `${streamName} ${name} ${streamVersion}`}
            empty={
              <EmptyNotice title="There is no snapshot.">
                They are made for deciders and aggregates that have <code>snapshots: {'{ every: 100 }'}</code>, once a
                stream is that long.
              </EmptyNotice>
            }
          />
        )}
      </ResourceView>
      <LoadMore pages={pages} />
    </>
  );
}

const COLUMNS: readonly Column<SnapshotSummary>[] = [
  {
    title: 'Stream',
    isWide: true,
    cell: ({ streamName }) => (
      <Name text={streamName}>
        <Link to={pathOf('streams', streamName)}>{streamName}</Link>
      </Name>
    ),
  },
  { title: 'Of', cell: ({ name }) => <Name text={name} /> },
  { title: 'At version', isNumber: true, cell: ({ streamVersion }) => count(streamVersion) },
  { title: 'Schema', isNumber: true, isMinor: true, cell: ({ schemaVersion }) => count(schemaVersion) },
  { title: 'Size', isNumber: true, cell: ({ size }) => bytes(size) },
  { title: 'Created', cell: ({ createdAt }) => <TimeAgo at={createdAt} /> },
];
