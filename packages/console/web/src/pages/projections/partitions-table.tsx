import type { ProjectionPartition } from '../../../../src/api-types.ts';
import { StateBadge } from '../../components/badge.tsx';
import { DataTable, Name } from '../../components/data-table.tsx';
import { EmptyNotice } from '../../components/notices.tsx';
import { Panel } from '../../components/panel.tsx';
import { TimeAgo } from '../../components/time-ago.tsx';
import { count } from '../../format/numbers.ts';

export interface PartitionsTableProps {
  readonly slots: readonly ProjectionPartition[];
  readonly wanted: number;
}

/** What is worked on apart from each other, and by whom. */
export function PartitionsTable({ slots, wanted }: PartitionsTableProps) {
  return (
    <Panel title="Partitions" aside={slots.length !== wanted && <span class="text-warn">becoming {wanted}</span>}>
      <DataTable
        label="Partitions"
        rows={slots}
        keyOf={({ from }) => from}
        toneOf={({ error }) => (error === undefined ? undefined : 'bad')}
        empty={<EmptyNotice title="Not started yet.">Partitions appear when an engine takes it up.</EmptyNotice>}
        columns={[
          { title: 'Slots', cell: ({ from, to }) => `${from}–${to - 1}` },
          { title: 'State', cell: ({ state }) => <StateBadge state={state} /> },
          { title: 'Position', isNumber: true, cell: ({ position }) => count(position) },
          { title: 'Events', isNumber: true, cell: ({ events }) => count(events) },
          { title: 'Attempts', isNumber: true, isMinor: true, cell: ({ attempts }) => count(attempts) },
          { title: 'Moved', cell: ({ movedAt }) => <TimeAgo at={movedAt} /> },
          { title: 'Owner', isMinor: true, cell: ({ owner }) => <Name text={owner ?? 'nobody'} /> },
          { title: 'Error', isWide: true, cell: ({ error }) => <Name text={error ?? ''} /> },
        ]}
      />
    </Panel>
  );
}
