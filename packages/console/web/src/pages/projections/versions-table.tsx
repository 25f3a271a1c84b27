import type { ProjectionDetail } from '../../../../src/api-types.ts';
import { StateBadge, Tag } from '../../components/badge.tsx';
import { DataTable } from '../../components/data-table.tsx';
import { EmptyNotice } from '../../components/notices.tsx';
import { Panel } from '../../components/panel.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count } from '../../format/numbers.ts';
import { Link, pathOf } from '../../routing/location.tsx';
import { lagText } from './lag-text.ts';

/** The versions of a name, of which one is live. */
export function VersionsTable({ detail }: { readonly detail: ProjectionDetail }) {
  if (detail.kind === 'subscription') return null;
  return (
    <Panel title="Versions">
      <DataTable
        label="Versions"
        rows={detail.versions}
        keyOf={({ version }) => version}
        empty={<EmptyNotice title="There is this version only." />}
        columns={[
          {
            title: 'Version',
            isWide: true,
            cell: ({ name, version, isLive }) => (
              <>
                <Link to={pathOf('projections', name, version)}>Version {version}</Link>
                {version === detail.version && <Tag>shown</Tag>}
                {isLive && <Tag>live</Tag>}
              </>
            ),
          },
          { title: 'State', cell: ({ state }) => <StateBadge state={state} /> },
          { title: 'Lag', isNumber: true, cell: lagText },
          { title: 'Events', isNumber: true, cell: ({ events }) => count(events) },
          { title: 'Parked', isNumber: true, cell: ({ parkedKeys }) => count(parkedKeys) },
          { title: 'Moved', cell: ({ movedAt }) => <TimeAgo at={movedAt} /> },
        ]}
      />
    </Panel>
  );
}
