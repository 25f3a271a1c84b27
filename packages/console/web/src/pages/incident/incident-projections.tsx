import { StateBadge } from '../../components/badge.tsx';
import { JsonTree } from '../../components/json-tree.tsx';
import { Panel } from '../../components/panel.tsx';
import { count, counted } from '../../format/numbers.ts';
import type { IncidentProjection } from './incident-file.ts';

/** What projections have kept of the stream, and what waits there and why. */
export function IncidentProjections({ projections }: { readonly projections: readonly IncidentProjection[] }) {
  return (
    <div class="columns">
      {projections.map(({ name, version, state, position, error, keys }) => (
        <Panel key={`${name} ${version}`} title={`${name} ${version}`} aside={<StateBadge state={state} />}>
          <p class="muted">at position {count(position)}</p>
          {error !== undefined && <p class="cause">{error}</p>}
          {keys.map(({ key, row, parked }) => (
            <div key={key} class="incident-key">
              <h3 class="name" title={key}>
                {key}
              </h3>
              {parked !== undefined && (
                <p class="cause">
                  {parked.error} ({counted(parked.attempts, 'attempt')}, {counted(parked.waiting, 'event')} waiting)
                </p>
              )}
              <JsonTree label={`Row of ${key}`} value={row} />
            </div>
          ))}
        </Panel>
      ))}
    </div>
  );
}
