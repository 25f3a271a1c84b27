import type { ProjectionSummary } from '../../../../src/api-types.ts';
import { useLiveFeed } from '../../api/live-feed.tsx';
import { useResource } from '../../api/use-resource.ts';
import { StateBadge, Tag, toneOf } from '../../components/badge.tsx';
import { DataTable, Name, type Column } from '../../components/data-table.tsx';
import { SearchField, SelectField } from '../../components/fields.tsx';
import { EmptyNotice, ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { count, rate } from '../../format/numbers.ts';
import { duration } from '../../format/times.ts';
import { IN_PLACE, Link, pathOf, useFilters } from '../../routing/location.tsx';
import { lagText } from './lag-text.ts';

const STATES = [
  'live',
  'inline',
  'catching_up',
  'rebuilding',
  'retrying',
  'stalled',
  'paused',
  'faulted',
  'stopped',
  'retired',
];

/** Every version of every projection and subscription, as it goes. */
export function ProjectionList() {
  const { overview } = useLiveFeed();
  const resource = useResource<readonly ProjectionSummary[]>('projections');
  const [filters, change] = useFilters();
  const search = filters.get('search') ?? '';
  const state = filters.get('state') ?? '';
  const isWanted = (one: ProjectionSummary): boolean =>
    one.name.toLowerCase().includes(search.toLowerCase()) && (state === '' || one.state === state);

  return (
    <>
      <PageHeader title="Projections">
        <SearchField label="Name" value={search} onChange={(value) => change({ search: value }, IN_PLACE)} />
        <SelectField
          label="State"
          value={state}
          onChange={(value) => change({ state: value })}
          choices={[
            { value: '', label: 'all' },
            ...STATES.map((value) => ({ value, label: value.replaceAll('_', ' ') })),
          ]}
        />
      </PageHeader>
      <ResourceView resource={resource}>
        {(read) => (
          <DataTable
            label="Projections"
            columns={COLUMNS}
            rows={(overview?.projections ?? read).filter(isWanted)}
            keyOf={({ name, version }) => `${name} ${version}`}
            toneOf={({ state: now }) => attentionOf(now)}
            empty={
              read.length === 0 ? (
                <EmptyNotice title="No projection was ever started on this store.">
                  Define one with <code>defineProjection</code>, and start a <code>createProjectionEngine</code> with
                  it.
                </EmptyNotice>
              ) : (
                <EmptyNotice title="None of the projections is like that." />
              )
            }
          />
        )}
      </ResourceView>
    </>
  );
}

function attentionOf(state: ProjectionSummary['state']): 'warn' | 'bad' | undefined {
  const tone = toneOf(state);
  return tone === 'warn' || tone === 'bad' ? tone : undefined;
}

const COLUMNS: readonly Column<ProjectionSummary>[] = [
  {
    title: 'Projection',
    cell: ({ name, version, isLive, kind }) => (
      <Name text={name}>
        <Link to={pathOf('projections', name, version)}>{name}</Link> <span class="muted">{version}</span>
        {kind === 'subscription' && <Tag>subscription</Tag>}
        {!isLive && kind === 'projection' && <Tag title="The name stands for another version.">not live</Tag>}
      </Name>
    ),
  },
  { title: 'State', cell: ({ state }) => <StateBadge state={state} /> },
  { title: 'Lag', isNumber: true, cell: lagText },
  { title: 'Behind', isNumber: true, isMinor: true, cell: ({ lagTime }) => duration(lagTime) },
  { title: 'Rate', isNumber: true, cell: (one) => rate(one.rate) },
  { title: 'Time left', isNumber: true, isMinor: true, cell: ({ timeLeft }) => duration(timeLeft) },
  {
    title: 'Parked',
    isNumber: true,
    cell: ({ name, version, parkedKeys }) =>
      parkedKeys === 0 ? (
        <span class="muted">0</span>
      ) : (
        <Link class="text-bad" to={`/dead-letters?projection=${encodeURIComponent(name)}&version=${version}`}>
          {count(parkedKeys)}
        </Link>
      ),
  },
  { title: 'Partitions', isNumber: true, isMinor: true, cell: partitionsText },
  { title: 'Owner', isMinor: true, cell: ({ owner }) => <Name text={owner ?? ''} /> },
  { title: 'Error', isWide: true, cell: ({ error }) => <Name text={error ?? ''} /> },
];

function partitionsText({ partitions, wantedPartitions }: ProjectionSummary): string {
  return partitions === wantedPartitions ? count(partitions) : `${partitions} → ${wantedPartitions}`;
}
