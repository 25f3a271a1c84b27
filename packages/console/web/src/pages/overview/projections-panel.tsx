import type { Overview, ProjectionSummary } from '../../../../src/api-types.ts';
import { StateBadge, toneOf } from '../../components/badge.tsx';
import { DataTable, Name } from '../../components/data-table.tsx';
import { EmptyNotice } from '../../components/notices.tsx';
import { Panel } from '../../components/panel.tsx';
import { count, counted } from '../../format/numbers.ts';
import { Link, pathOf } from '../../routing/location.tsx';

export interface ProjectionsPanelProps {
  readonly projections: readonly ProjectionSummary[];
  readonly deadLetters: Overview['deadLetters'];
}

/** Projections by state, those that want attention one by one, and what was given up. */
export function ProjectionsPanel({ projections, deadLetters }: ProjectionsPanelProps) {
  const byState = Map.groupBy(projections, ({ state }) => state);
  const wanting = projections.filter(
    (it) => ['warn', 'bad'].includes(toneOf(it.state)) || it.parkedKeys > 0 || isForsaken(it, projections),
  );
  return (
    <Panel title="Projections" aside={<Link to="/projections">All {projections.length}</Link>}>
      {projections.length === 0 ? (
        <EmptyNotice title="There are no projections.">
          They appear here once an engine has started with them.
        </EmptyNotice>
      ) : (
        <ul class="tally">
          {[...byState].map(([state, some]) => (
            <li key={state}>
              <Link to={`/projections?state=${state}`}>
                <b>{some.length}</b> <StateBadge state={state} />
              </Link>
            </li>
          ))}
          <li>
            <Link to="/dead-letters" class={deadLetters.keys > 0 ? 'text-bad' : ''}>
              <b>{count(deadLetters.keys)}</b> dead letter {deadLetters.keys === 1 ? 'key' : 'keys'}
              {deadLetters.events > 0 && `, ${counted(deadLetters.events, 'event')}`}
            </Link>
          </li>
        </ul>
      )}
      <DataTable
        label="Projections that want attention"
        rows={wanting}
        keyOf={({ name, version }) => `${name} ${version}`}
        toneOf={({ state }) => (toneOf(state) === 'bad' ? 'bad' : undefined)}
        empty={null}
        columns={[
          {
            title: 'Projection',
            cell: ({ name, version }) => (
              <Name text={name}>
                <Link to={pathOf('projections', name, version)}>
                  {name} <span class="muted">{version}</span>
                </Link>
              </Name>
            ),
          },
          { title: 'State', cell: ({ state }) => <StateBadge state={state} /> },
          {
            title: 'Why',
            isWide: true,
            cell: (projection) => <Name text={whyOf(projection, projections)} />,
          },
        ]}
      />
    </Panel>
  );
}

/** Nobody keeps up to date what is read, or would be if it had been started. Code beside a live version is none of that. */
function isForsaken({ name, isLive, state }: ProjectionSummary, all: readonly ProjectionSummary[]): boolean {
  return state === 'stopped' && (isLive || !all.some((it) => it.name === name && it.isLive));
}

function whyOf(projection: ProjectionSummary, all: readonly ProjectionSummary[]): string {
  const { error, parkedKeys, isLive } = projection;
  if (error !== undefined) return error;
  const why = [
    ...(isForsaken(projection, all) ? [isLive ? 'no process works on it' : 'was never started'] : []),
    ...(parkedKeys > 0 ? [counted(parkedKeys, 'parked key')] : []),
  ];
  return why.join(', ');
}
