import { useEffect, useRef, useState } from 'preact/hooks';
import type { DeadLetterPage, Overview, ParkedKey, ProjectionSummary } from '../../../../src/api-types.ts';
import { useLiveFeed } from '../../api/live-feed.tsx';
import { useRefusal } from '../../api/session.tsx';
import { useJobs } from '../../api/use-jobs.ts';
import { usePages } from '../../api/use-pages.ts';
import { Button } from '../../components/button.tsx';
import { DataTable, Name, type Column } from '../../components/data-table.tsx';
import { SelectField } from '../../components/fields.tsx';
import { JobCard } from '../../components/job-card.tsx';
import { LoadMore } from '../../components/load-more.tsx';
import { EmptyNotice, ResourceView } from '../../components/notices.tsx';
import { PageHeader } from '../../components/page-header.tsx';
import { Panel } from '../../components/panel.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count } from '../../format/numbers.ts';
import { Link, pathOf, useFilters } from '../../routing/location.tsx';
import { RetryAllDialog } from './retry-all-dialog.tsx';

/** Keys whose events could not be applied: each holds back its own followers only. */
export function DeadLetterList() {
  const { overview } = useLiveFeed();
  const [filters, change] = useFilters();
  const [isAsked, setIsAsked] = useState(false);
  const projection = filters.get('projection') ?? undefined;
  const version = filters.get('version') ?? undefined;
  const pages = usePages<DeadLetterPage>('dead-letters', {
    query: { projection, version, limit: 100 },
    cursor: 'after',
  });
  const known = overview?.projections ?? [];
  const { jobs, reload: reloadJobs } = useJobs(`${projection} ${version}`);
  useReloadWhenChanged(overview?.deadLetters, pages.reload);
  const chosen = known.find((one) => one.name === projection && String(one.version) === version);
  const roleRefusal = useRefusal('retry-all');
  const refusal = roleRefusal ?? retryAllRefusal(chosen);
  return (
    <>
      <PageHeader title="Dead letters">
        <SelectField
          label="Projection"
          value={projection === undefined ? '' : `${projection} ${version}`}
          onChange={(value) => {
            const one = known.find(({ name, version: number }) => `${name} ${number}` === value);
            change({ projection: one?.name, version: one === undefined ? undefined : String(one.version) });
          }}
          choices={[
            { value: '', label: 'all' },
            ...known.map((one) => ({
              value: `${one.name} ${one.version}`,
              label: `${one.name} ${one.version} (${one.parkedKeys})`,
            })),
          ]}
        />
        <Button refusal={refusal} onClick={() => setIsAsked(true)}>
          Retry all keys
        </Button>
      </PageHeader>
      {jobs.some(({ action }) => action === 'retry-all') && (
        <Panel title="Jobs">
          {jobs
            .filter(({ action }) => action === 'retry-all')
            .map((job) => (
              <JobCard key={job.id} job={job} />
            ))}
        </Panel>
      )}
      <ResourceView resource={pages}>
        {(read) => (
          <DataTable
            label="Parked keys"
            columns={COLUMNS}
            rows={read.flatMap((page) => page.keys)}
            keyOf={({ projection: name, version: number, key }) => `${name} ${number} ${key}`}
            empty={
              <EmptyNotice title="Nothing is parked.">
                When an event cannot be applied after all its retries, its key waits here with the events behind it; all
                other keys go on.
              </EmptyNotice>
            }
          />
        )}
      </ResourceView>
      <LoadMore pages={pages} />
      {isAsked && chosen !== undefined && (
        <RetryAllDialog projection={chosen} onDone={reloadJobs} onClose={() => setIsAsked(false)} />
      )}
    </>
  );
}

/** Reads the keys again when there are more or fewer than before. */
function useReloadWhenChanged(counts: Overview['deadLetters'] | undefined, reload: () => void): void {
  const now = counts === undefined ? undefined : `${counts.keys} ${counts.events}`;
  const before = useRef(now);
  useEffect(() => {
    if (before.current !== undefined && before.current !== now) reload();
    before.current = now;
  }, [now, reload]);
}

function retryAllRefusal(chosen: ProjectionSummary | undefined): string | undefined {
  if (chosen === undefined) return 'Choose a projection first.';
  if (chosen.parkedKeys === 0) return 'Nothing of it is parked.';
  return chosen.hasCode ? undefined : 'This console has no code of it: a retry takes the code.';
}

const COLUMNS: readonly Column<ParkedKey>[] = [
  {
    title: 'Key',
    cell: ({ projection, version, key }) => (
      <Name text={key}>
        <Link to={pathOf('dead-letters', projection, version, key)}>{key}</Link>
      </Name>
    ),
  },
  {
    title: 'Projection',
    cell: ({ projection, version }) => (
      <Name text={projection}>
        {projection} <span class="muted">{version}</span>
      </Name>
    ),
  },
  { title: 'Cause', isWide: true, cell: ({ error }) => <Name text={error} /> },
  { title: 'Attempts', isNumber: true, isMinor: true, cell: ({ attempts }) => count(attempts) },
  { title: 'Behind it', isNumber: true, cell: ({ events }) => count(Math.max(0, events - 1)) },
  { title: 'First failed', cell: ({ firstFailedAt }) => <TimeAgo at={firstFailedAt} /> },
  { title: 'Last tried', isMinor: true, cell: ({ lastFailedAt }) => <TimeAgo at={lastFailedAt} /> },
];
