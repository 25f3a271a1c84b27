import type { Job, SchemaOverview, SchemaType } from '../../../src/api-types.ts';
import { asProblem, postJson } from '../api/client.ts';
import { useRefusal } from '../api/session.tsx';
import { useJob } from '../api/use-job.ts';
import { useResource } from '../api/use-resource.ts';
import { Tag } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { SearchField } from '../components/fields.tsx';
import { JobCard } from '../components/job-card.tsx';
import { EmptyNotice, ResourceView } from '../components/notices.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { Panel } from '../components/panel.tsx';
import { TimeAgo } from '../components/time-ago.tsx';
import { announce } from '../components/toasts.tsx';
import { count, counted } from '../format/numbers.ts';
import { IN_PLACE, useFilters } from '../routing/location.tsx';

/** What events look like: by type and version, as they were first recorded. */
export function SchemaPage() {
  const resource = useResource<SchemaOverview>('schema');
  const [filters, change] = useFilters();
  const search = filters.get('search') ?? '';
  const [job, follow] = useJob();
  const refusal = useRefusal('check-schema');
  const check = async (): Promise<void> => {
    try {
      follow(await postJson<Job>('schema/check'));
    } catch (error) {
      announce(asProblem(error).message, 'danger');
    }
  };
  const isWanted = ({ category, type }: SchemaType): boolean =>
    `${category} ${type}`.toLowerCase().includes(search.toLowerCase());
  return (
    <>
      <PageHeader title="Schema">
        <SearchField label="Type" value={search} onChange={(value) => change({ search: value }, IN_PLACE)} />
        <Button tone="primary" refusal={refusal} isBusy={job?.state === 'running'} onClick={() => void check()}>
          Check recorded shapes
        </Button>
      </PageHeader>
      {job !== undefined && (
        <Panel title="Check">
          <JobCard job={job} />
        </Panel>
      )}
      <ResourceView resource={resource} rows={10}>
        {({ types }) =>
          types.length === 0 ? (
            <EmptyNotice title="No shape was recorded yet.">
              A store that is given <code>categories</code> records the shape of each event type when it first appends
              one.
            </EmptyNotice>
          ) : (
            [...Map.groupBy(types.filter(isWanted), ({ category }) => category)].map(([category, some]) => (
              <Panel key={category} title={category}>
                {some.map((type) => (
                  <TypeShapes key={type.type} type={type} />
                ))}
              </Panel>
            ))
          )
        }
      </ResourceView>
    </>
  );
}

function TypeShapes({ type: { type, currentVersion, shapes } }: { readonly type: SchemaType }) {
  return (
    <details class="shapes">
      <summary data-row>
        <b>{type}</b>{' '}
        {currentVersion === undefined ? (
          <Tag title="The code of this console knows no such type.">not in code</Tag>
        ) : (
          <Tag>version {currentVersion}</Tag>
        )}{' '}
        <span class="muted">
          {shapes.length === 0
            ? 'none was recorded yet'
            : `${counted(shapes.length, 'shape')}, ${eventsText(shapes.reduce((sum, { events }) => sum + events, 0))}`}
        </span>
      </summary>
      {shapes.map((shape) => (
        <div key={shape.hash} class="shape">
          <p>
            Schema version {shape.schemaVersion}: {eventsText(shape.events)}
            {shape.firstPosition !== undefined &&
              `, positions ${count(shape.firstPosition)} to ${count(shape.lastPosition)}`}
            , first recorded <TimeAgo at={shape.recordedAt} /> <code class="muted">{shape.hash.slice(0, 12)}</code>
          </p>
          <pre tabIndex={0} aria-label={`Shape of ${type}, schema version ${shape.schemaVersion}`}>
            {shape.text}
          </pre>
        </div>
      ))}
    </details>
  );
}

/** They are counted when somebody scans the log, not with each append. */
function eventsText(events: number): string {
  return events === 0 ? 'events not counted yet (mink schema scan)' : counted(events, 'event');
}
