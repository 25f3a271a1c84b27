import { useOverview } from '../api/use-overview.ts';
import { ResourceView } from '../components/notices.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { OverviewCharts } from './overview/overview-charts.tsx';
import { FeedPanel } from './overview/feed-panel.tsx';
import { HealthBanner } from './overview/health-banner.tsx';
import { JobsPanel } from './overview/jobs-panel.tsx';
import { ProcessesPanel } from './overview/processes-panel.tsx';
import { ProjectionsPanel } from './overview/projections-panel.tsx';
import { StoragePanel } from './overview/storage-panel.tsx';

/** How it is, at a glance. */
export function OverviewPage() {
  const overview = useOverview();
  return (
    <>
      <PageHeader title="Overview" />
      <ResourceView resource={overview} rows={10}>
        {(now) => (
          <>
            <HealthBanner health={now.health} deadLetters={now.deadLetters} />
            <OverviewCharts overview={now} />
            <div class="columns">
              <ProjectionsPanel projections={now.projections} deadLetters={now.deadLetters} />
              <FeedPanel feed={now.feed} />
              <ProcessesPanel processes={now.processes} pool={now.pool} />
              <StoragePanel bytesByPart={now.storageBytes} />
              <JobsPanel />
            </div>
          </>
        )}
      </ResourceView>
    </>
  );
}
