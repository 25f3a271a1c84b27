import { useMemo } from 'preact/hooks';
import type { ProjectionDetail, ProjectionSummary } from '../../../../src/api-types.ts';
import { apiPath, withQuery } from '../../api/client.ts';
import { useJobs } from '../../api/use-jobs.ts';
import { useResource } from '../../api/use-resource.ts';
import { StateBadge, Tag } from '../../components/badge.tsx';
import { Chart } from '../../components/chart.tsx';
import { JobCard } from '../../components/job-card.tsx';
import { EmptyNotice, ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { useReveal } from '../../components/payload.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count, counted, rate, shortCount } from '../../format/numbers.ts';
import { duration } from '../../format/times.ts';
import { Link } from '../../routing/location.tsx';
import { ActionBar } from './action-bar.tsx';
import { lagText } from './lag-text.ts';
import { PartitionsTable } from './partitions-table.tsx';
import { VersionsTable } from './versions-table.tsx';

const PARENT = { label: 'Projections', to: '/projections' };

/** One version of a projection: how it is, how it got there, and what may be done with it. Without a version, the live one. */
export function ProjectionDetailView({
  name,
  version,
}: {
  readonly name: string;
  readonly version: string | undefined;
}) {
  const all = useResource<readonly ProjectionSummary[]>(version === undefined ? 'projections' : undefined);
  const found = version ?? all.data?.find((one) => one.name === name && one.isLive)?.version;
  const path = found === undefined ? undefined : apiPath('projections', name, found);
  const resource = useResource<ProjectionDetail>(path, { every: 3_000 });
  const { jobs, reload: reloadJobs } = useJobs(`${name} ${found}`);
  const reload = (): void => {
    resource.reload();
    reloadJobs();
  };
  if (version === undefined && all.data !== undefined && found === undefined) {
    return (
      <>
        <PageHeader title={name} isName parent={PARENT} />
        <EmptyNotice title="No version of this projection is live." />
      </>
    );
  }
  const { data } = resource;
  return (
    <>
      <PageHeader
        title={name}
        isName
        parent={PARENT}
        badges={
          data !== undefined && (
            <>
              <Tag>version {data.version}</Tag>
              {data.isLive ? <Tag title="The name stands for this version.">live version</Tag> : <Tag>not live</Tag>}
              <StateBadge state={data.state} />
            </>
          )
        }
      />
      <ResourceView resource={resource} rows={12}>
        {(detail) => (
          <>
            {detail.error !== undefined && <FaultNotice detail={detail} path={path} />}
            <ActionBar detail={detail} onDone={reload} />
            {jobs.length > 0 && (
              <Panel title="Jobs">
                {jobs.map((job) => (
                  <JobCard key={job.id} job={job} />
                ))}
              </Panel>
            )}
            <div class="columns">
              <ProgressPanel detail={detail} />
              <HistoryPanel detail={detail} />
            </div>
            <VersionsTable detail={detail} />
            <PartitionsTable slots={detail.slots} wanted={detail.wantedPartitions} />
          </>
        )}
      </ResourceView>
    </>
  );
}

/** In full only when asked to, and read once then: the page reads itself again all the time, and each look would be audited. */
function FaultNotice({ detail, path }: { readonly detail: ProjectionDetail; readonly path: string | undefined }) {
  const { payloads, button } = useReveal();
  const isFull = payloads === 'full' && path !== undefined;
  const { data } = useResource<ProjectionDetail>(isFull ? withQuery(path, { payloads }) : undefined);
  return (
    <div class="notice notice-error" role="alert">
      <p class="notice-title">{(isFull ? data?.error : undefined) ?? detail.error}</p>
      {button}
      <p class="notice-text">{counted(detail.attempts, 'attempt')} so far.</p>
    </div>
  );
}

function ProgressPanel({ detail }: { readonly detail: ProjectionDetail }) {
  return (
    <Panel title="Progress">
      <Facts
        facts={[
          ['Events behind', lagText(detail)],
          ['Time behind', duration(detail.lagTime)],
          ['Position', count(detail.position)],
          ['Positions behind', count(detail.positionsBehind)],
          ['Events applied', count(detail.events)],
          ['Rate', rate(detail.rate)],
          ['Time left', duration(detail.timeLeft)],
          ['Last moved', <TimeAgo at={detail.movedAt} />],
          ['Owner', detail.owner ?? 'nobody'],
          [
            'Parked keys',
            detail.parkedKeys === 0 ? (
              '0'
            ) : (
              <Link
                class="text-bad"
                to={`/dead-letters?projection=${encodeURIComponent(detail.name)}&version=${detail.version}`}
              >
                {count(detail.parkedKeys)}
              </Link>
            ),
          ],
          ['Code', detail.hasCode ? 'known to this console' : 'not known to this console'],
        ]}
      />
    </Panel>
  );
}

/** What was recorded, and where it is now: the last point would be up to a minute old. */
function HistoryPanel({ detail: { history, position } }: { readonly detail: ProjectionDetail }) {
  const points = useMemo(() => [...history, { at: Date.now(), position }], [history, position]);
  const times = useMemo(() => points.map(({ at }) => at), [points]);
  const series = useMemo(() => [{ label: 'position', values: points.map((it) => it.position) }], [points]);
  return (
    <Panel title="Checkpoint history">
      {history.length < 2 ? (
        <EmptyNotice title="Nothing was recorded yet.">
          About one point a minute is kept, for a week, while it moves.
        </EmptyNotice>
      ) : (
        <Chart title="Position" times={times} series={series} format={shortCount} height={180} />
      )}
    </Panel>
  );
}
