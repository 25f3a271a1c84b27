import type { WhyProjection } from '../../../../src/api-types.ts';
import { StateBadge } from '../../components/badge.tsx';
import { DataTable, Name } from '../../components/data-table.tsx';
import { EmptyNotice } from '../../components/notices.tsx';
import { Panel } from '../../components/panel.tsx';
import { Link, pathOf } from '../../routing/location.tsx';

/** What projections made of the event. */
export function HandledBy({ projections }: { readonly projections: readonly WhyProjection[] }) {
  return (
    <Panel title="Handled by">
      <DataTable
        label="Projections that handled it"
        rows={projections}
        keyOf={({ name, version }) => `${name} ${version}`}
        toneOf={({ outcome }) => (outcome === 'parked' ? 'bad' : undefined)}
        empty={
          <EmptyNotice title="No projection with code is known.">
            Give the console your projections, and it says which of them have applied the event, and to which keys.
          </EmptyNotice>
        }
        columns={[
          {
            title: 'Projection',
            cell: ({ name, version }) => (
              <Name text={name}>
                <Link to={pathOf('projections', name, version)}>{name}</Link> <span class="muted">{version}</span>
              </Name>
            ),
          },
          { title: 'Outcome', cell: ({ outcome }) => <StateBadge state={outcome} /> },
          {
            title: 'Keys',
            isWide: true,
            cell: ({ name, version, outcome, keys }) =>
              outcome === 'parked' && keys.length === 1 && keys[0] !== undefined ? (
                <Name text={keys[0]}>
                  <Link to={pathOf('dead-letters', name, version, keys[0])}>{keys[0]}</Link>
                </Name>
              ) : (
                <Name text={keys.join(', ')} />
              ),
          },
        ]}
      />
    </Panel>
  );
}
