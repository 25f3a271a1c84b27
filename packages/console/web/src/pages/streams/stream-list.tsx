import type { CategorySummary, StreamPage, StreamSummary } from '../../../../src/api-types.ts';
import { usePages } from '../../api/use-pages.ts';
import { useResource } from '../../api/use-resource.ts';
import { StateBadge } from '../../components/badge.tsx';
import { DataTable, Name, type Column } from '../../components/data-table.tsx';
import { SearchField, SelectField } from '../../components/fields.tsx';
import { LoadMore } from '../../components/load-more.tsx';
import { EmptyNotice, ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count, shortCount } from '../../format/numbers.ts';
import { IN_PLACE, Link, pathOf, useFilters } from '../../routing/location.tsx';

const ORDERS = [
  { value: 'recent', label: 'last written first' },
  { value: 'longest', label: 'longest first' },
  { value: 'name', label: 'by name' },
];

/** Streams: by search, by category, the longest, the last written. */
export function StreamList() {
  const [filters, change] = useFilters();
  const search = filters.get('search') ?? '';
  const category = filters.get('category') ?? '';
  // A search goes by the beginning of names, so it has their order.
  const order = search === '' ? (filters.get('order') ?? 'recent') : 'name';
  const categories = useResource<readonly CategorySummary[]>('categories');
  const pages = usePages<StreamPage>('streams', {
    query: { search, category, order, limit: 50 },
    cursor: 'after',
  });
  return (
    <>
      <PageHeader title="Streams">
        <SearchField
          label="Name"
          placeholder="begins with…"
          value={search}
          onChange={(value) => change({ search: value }, IN_PLACE)}
        />
        <SelectField
          label="Order"
          value={order}
          onChange={(value) => change({ order: value, search: undefined })}
          choices={ORDERS}
        />
      </PageHeader>
      <Categories categories={categories.data} current={category} onChoose={(value) => change({ category: value })} />
      <ResourceView resource={pages} rows={12}>
        {(read) => (
          <DataTable
            label="Streams"
            columns={COLUMNS}
            rows={read.flatMap((page) => page.streams)}
            keyOf={({ streamName }) => streamName}
            empty={
              search === '' && category === '' ? (
                <EmptyNotice title="The log is empty.">
                  Append an event, or send a command: <code>store.append('Cart-1', [ItemAdded({'{…}'})])</code>
                </EmptyNotice>
              ) : (
                <EmptyNotice title="No stream is called so.">
                  A search goes by the beginning of the name: Category-id.
                </EmptyNotice>
              )
            }
          />
        )}
      </ResourceView>
      <LoadMore pages={pages} />
    </>
  );
}

interface CategoriesProps {
  readonly categories: readonly CategorySummary[] | undefined;
  readonly current: string;
  readonly onChoose: (category: string | undefined) => void;
}

function Categories({ categories, current, onChoose }: CategoriesProps) {
  return (
    <div class="chips" role="group" aria-label="Categories">
      <button type="button" class="chip" aria-pressed={current === ''} onClick={() => onChoose(undefined)}>
        all
      </button>
      {categories?.map(({ category, streams, events }) => (
        <button
          key={category}
          type="button"
          class="chip"
          aria-pressed={category === current}
          title={`${count(streams)} streams, ${count(events)} events`}
          onClick={() => onChoose(category)}
        >
          {category} <span class="muted">{shortCount(events)}</span>
        </button>
      ))}
    </div>
  );
}

const COLUMNS: readonly Column<StreamSummary>[] = [
  {
    title: 'Stream',
    isWide: true,
    cell: ({ streamName, state }) => (
      <Name text={streamName}>
        <Link to={pathOf('streams', streamName)}>{streamName}</Link>
        {state !== 'live' && <StateBadge state={state} />}
      </Name>
    ),
  },
  { title: 'Events', isNumber: true, cell: ({ version }) => count(version) },
  { title: 'Created', isMinor: true, cell: ({ createdAt }) => <TimeAgo at={createdAt} /> },
  { title: 'Last event', cell: ({ lastRecordedAt }) => <TimeAgo at={lastRecordedAt} /> },
];
