import type { Change } from '../../../src/api-types.ts';
import { count, counted } from '../format/numbers.ts';
import { Link, pathOf } from '../routing/location.tsx';
import { StateBadge } from './badge.tsx';
import { ChangeList } from './change-list.tsx';

/** What `compare` and `what-if` come to, as far as it is shown: `ComparedVersions` of mink. */
export interface ComparedRows {
  readonly against?: number;
  readonly position: number;
  readonly isSame: boolean;
  readonly tables: readonly ComparedTable[];
}

interface ComparedTable {
  /** Empty where there is one only. */
  readonly name: string;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly columnsAdded: readonly string[];
  readonly columnsRemoved: readonly string[];
  readonly columnsChanged: readonly string[];
  readonly samples: readonly RowDifference[];
}

interface RowDifference {
  readonly key: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly changes: readonly Change[];
  readonly firstEvent?: { readonly type: string; readonly globalPosition: number } | null;
}

/** Whether the result of a job says how rows differ. */
export function isComparison(result: unknown): result is ComparedRows {
  return typeof result === 'object' && result !== null && 'tables' in result && Array.isArray(result.tables);
}

/** In what the rows of two versions differ. */
export function Comparison({ found }: { readonly found: ComparedRows }) {
  return (
    <div class="comparison">
      <p>
        <StateBadge state={found.isSame ? 'same' : 'different'} tone={found.isSame ? 'good' : 'warn'} /> up to position{' '}
        {count(found.position)}
        {found.against !== undefined && `, against version ${found.against}`}
      </p>
      {found.tables.map((table) => (
        <TableDifference key={table.name} table={table} />
      ))}
    </div>
  );
}

function TableDifference({ table }: { readonly table: ComparedTable }) {
  const columns = [
    ...table.columnsAdded.map((name) => `+ ${name}`),
    ...table.columnsRemoved.map((name) => `− ${name}`),
    ...table.columnsChanged.map((name) => `~ ${name}`),
  ];
  return (
    <section>
      {table.name !== '' && <h3>{table.name}</h3>}
      <p>
        {counted(table.rowsBefore, 'row')} before, {count(table.rowsAfter)} after:{' '}
        <ins class="tally-added">+{count(table.added)}</ins> <del>−{count(table.removed)}</del>{' '}
        <span class="tally-changed">~{count(table.changed)}</span>
      </p>
      {columns.length > 0 && <p>Columns: {columns.join(', ')}</p>}
      {table.samples.map((row) => (
        <div key={row.key} class={`row-difference is-${row.kind}`}>
          <p>
            <b class="name" title={row.key}>
              {row.key}
            </b>{' '}
            <span class="muted">{row.kind}</span>
            {row.firstEvent != null && (
              <>
                {' '}
                since{' '}
                <Link to={pathOf('events', row.firstEvent.globalPosition)}>
                  {row.firstEvent.type} at {count(row.firstEvent.globalPosition)}
                </Link>
              </>
            )}
          </p>
          {row.changes.length > 0 && <ChangeList changes={row.changes} label={`Differences of ${row.key}`} />}
        </div>
      ))}
    </section>
  );
}
