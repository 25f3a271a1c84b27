import type { Health, ProcessDetail } from '../../../src/api-types.ts';
import { useLiveFeed } from '../api/live-feed.tsx';
import { useResource } from '../api/use-resource.ts';
import { StateBadge, Tag } from '../components/badge.tsx';
import { DataTable, type Column } from '../components/data-table.tsx';
import { EmptyNotice, ResourceView } from '../components/notices.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { Facts, Panel } from '../components/panel.tsx';
import { TimeAgo } from '../components/time-ago.tsx';
import { rate } from '../format/numbers.ts';
import { duration } from '../format/times.ts';
import { useFilters } from '../routing/location.tsx';
import { HealthBanner } from './overview/health-banner.tsx';

/** How it is by the rules of health, and what each process was told, by whom. */
export function HealthPage() {
  const { overview } = useLiveFeed();
  const health = useResource<Health>('health', { every: 5_000 });
  const processes = useResource<readonly ProcessDetail[]>('processes', { every: 10_000 });
  const [filters] = useFilters();
  const chosen = filters.get('process');
  return (
    <>
      <PageHeader title="Health and configuration" />
      <ResourceView resource={health} rows={2}>
        {(read) => <HealthBanner health={overview?.health ?? read} deadLetters={overview?.deadLetters} />}
      </ResourceView>
      <ResourceView resource={processes} rows={10}>
        {(all) =>
          all.length === 0 ? (
            <EmptyNotice title="No process reports its configuration.">
              Start a <code>createProcessReport(store, …)</code> beside your engine: it says every ten seconds what a
              process is, and with which values it runs.
            </EmptyNotice>
          ) : (
            all.map((process) => (
              <ProcessPanel key={process.id} process={process} isOpen={all.length === 1 || process.id === chosen} />
            ))
          )
        }
      </ResourceView>
    </>
  );
}

function ProcessPanel({ process, isOpen }: { readonly process: ProcessDetail; readonly isOpen: boolean }) {
  return (
    <Panel
      title={process.name}
      aside={
        <>
          {process.release !== undefined && <Tag>{process.release}</Tag>}
          {process.isSilent ? <StateBadge state="silent" /> : <StateBadge state="reporting" tone="good" />}
        </>
      }
    >
      <Facts
        facts={[
          ['Host', `${process.host}, process ${process.pid}`],
          ['Started', <TimeAgo at={process.startedAt} />],
          ['Last report', <TimeAgo at={process.reportedAt} />],
          ['Node', process.nodeVersion],
          ['mink', process.minkVersion],
          ...VITALS.flatMap(({ name, title, show }) => {
            const value = process.vitals?.[name];
            return value === undefined ? [] : [[title, show(value)] as const];
          }),
        ]}
      />
      <details class="as-list" open={isOpen}>
        <summary>Configuration: {process.configuration.length} values</summary>
        <DataTable
          label={`Configuration of ${process.name}`}
          columns={CONFIGURATION}
          rows={process.configuration}
          keyOf={({ name }) => name}
          empty={<EmptyNotice title="It has told no values." />}
        />
      </details>
    </Panel>
  );
}

const seconds = (value: number): string => duration(value * 1_000);

/** Of the interval before its last report. */
const VITALS: readonly {
  readonly name: string;
  readonly title: string;
  readonly show: (value: number) => string;
}[] = [
  { name: 'appendsPerSecond', title: 'Appends', show: rate },
  { name: 'eventsPerSecond', title: 'Events appended', show: rate },
  { name: 'appendP50', title: 'Append, p50', show: seconds },
  { name: 'appendP99', title: 'Append, p99', show: seconds },
  { name: 'commandsPerSecond', title: 'Commands', show: rate },
  { name: 'commandErrorsPerSecond', title: 'Commands failed', show: rate },
  { name: 'commandP50', title: 'Command, p50', show: seconds },
  { name: 'commandP99', title: 'Command, p99', show: seconds },
  { name: 'eventLoopDelay', title: 'Event loop delay, p99', show: seconds },
];

const CONFIGURATION: readonly Column<ProcessDetail['configuration'][number]>[] = [
  { title: 'Name', cell: ({ name }) => <code>{name}</code> },
  { title: 'Value', isWide: true, cell: ({ value }) => <code>{JSON.stringify(value)}</code> },
  { title: 'From', cell: ({ source }) => <Tag>{source}</Tag> },
];
