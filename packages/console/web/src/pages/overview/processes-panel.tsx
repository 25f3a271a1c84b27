import type { Overview, ProcessSummary } from '../../../../src/api-types.ts';
import { StateBadge } from '../../components/badge.tsx';
import { DataTable, Name } from '../../components/data-table.tsx';
import { EmptyNotice } from '../../components/notices.tsx';
import { Panel } from '../../components/panel.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { Link } from '../../routing/location.tsx';

export interface ProcessesPanelProps {
  readonly processes: readonly ProcessSummary[];
  readonly pool: Overview['pool'];
}

/** Who takes part. */
export function ProcessesPanel({ processes, pool }: ProcessesPanelProps) {
  return (
    <Panel
      title="Processes"
      aside={
        pool !== undefined && (
          <span class={pool.waiting > 0 ? 'text-warn' : 'muted'}>
            pool of this console: {pool.total - pool.idle} of {pool.total} busy, {pool.waiting} waiting
          </span>
        )
      }
    >
      <DataTable
        label="Processes"
        rows={processes}
        keyOf={({ id }) => id}
        toneOf={({ isSilent }) => (isSilent ? 'warn' : undefined)}
        empty={
          <EmptyNotice title="No process reports.">
            Start a <code>createProcessReport(store, …)</code> beside your engine.
          </EmptyNotice>
        }
        columns={[
          {
            title: 'Process',
            isWide: true,
            cell: ({ name, host, pid, id }) => (
              <Name text={`${name} on ${host}, ${pid}`}>
                <Link to={`/health?process=${encodeURIComponent(id)}`}>{name}</Link>{' '}
                <span class="muted">
                  {host}:{pid}
                </span>
              </Name>
            ),
          },
          { title: 'Release', cell: ({ release }) => release ?? <span class="muted">–</span> },
          { title: 'Started', cell: ({ startedAt }) => <TimeAgo at={startedAt} /> },
          {
            title: 'Reported',
            cell: ({ isSilent, reportedAt }) =>
              isSilent ? <StateBadge state="silent" /> : <TimeAgo at={reportedAt} />,
          },
        ]}
      />
    </Panel>
  );
}
