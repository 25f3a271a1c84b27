import type { StreamDetail } from '../../../../src/api-types.ts';
import { apiPath } from '../../api/client.ts';
import { useResource } from '../../api/use-resource.ts';
import { StateBadge, Tag } from '../../components/badge.tsx';
import { ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { Tabs } from '../../components/tabs.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { bytes, count, counted } from '../../format/numbers.ts';
import { pathOf, useFilters } from '../../routing/location.tsx';
import { StreamEvents } from './stream-events.tsx';
import { TimeTravel } from './time-travel.tsx';

/** One stream: its events, and the states that they lead to. */
export function StreamView({ streamName }: { readonly streamName: string }) {
  const resource = useResource<StreamDetail>(apiPath('streams', streamName), { every: 5_000 });
  const [filters] = useFilters();
  const view = filters.get('view') ?? 'events';
  const path = pathOf('streams', streamName);
  const { data } = resource;
  return (
    <>
      <PageHeader
        title={streamName}
        isName
        parent={{ label: 'Streams', to: '/streams' }}
        badges={
          data !== undefined && (
            <>
              <Tag>{data.category}</Tag>
              <Tag>{counted(data.version, 'event')}</Tag>
              {data.state !== 'live' && <StateBadge state={data.state} />}
              <span class="muted">
                created <TimeAgo at={data.createdAt} />, last event <TimeAgo at={data.lastRecordedAt} />
              </span>
            </>
          )
        }
      />
      <ResourceView resource={resource} rows={12}>
        {(stream) => (
          <>
            <Tabs
              label="Views of the stream"
              tabs={[
                { label: 'Events', to: path, isCurrent: view === 'events' },
                ...stream.folds.map((fold) => ({
                  label: stream.folds.length === 1 ? 'Time travel' : `Time travel: ${fold}`,
                  to: `${path}?view=states&fold=${encodeURIComponent(fold)}`,
                  isCurrent: view === 'states' && (filters.get('fold') ?? stream.folds[0]) === fold,
                })),
              ]}
            />
            {view === 'states' && stream.folds.length > 0 ? (
              <TimeTravel stream={stream} fold={filters.get('fold') ?? stream.folds[0] ?? ''} />
            ) : (
              <StreamEvents stream={stream} />
            )}
            {stream.snapshots.length > 0 && (
              <p class="muted">
                {stream.snapshots
                  .map(
                    ({ name, streamVersion, size }) =>
                      `Snapshot ${name} at version ${count(streamVersion)}, ${bytes(size)}`,
                  )
                  .join('. ')}
                .
              </p>
            )}
          </>
        )}
      </ResourceView>
    </>
  );
}
