import type { Feed, FeedHolder } from '../../../../src/api-types.ts';
import { StateBadge } from '../../components/badge.tsx';
import { Facts, Panel } from '../../components/panel.tsx';
import { count, counted } from '../../format/numbers.ts';
import { duration } from '../../format/times.ts';

/** How far the log can be read, and who holds readers back. */
export function FeedPanel({ feed }: { readonly feed: Feed }) {
  const held = feed.head - feed.position;
  return (
    <Panel title="Feed">
      <Facts
        facts={[
          ['Readable up to', count(feed.position)],
          ['Last position handed out', count(feed.head)],
          ['Held back', held === 0 ? 'nothing' : counted(held, 'position')],
          ['Wake-up', <StateBadge state={feed.wakeUp} />],
        ]}
      />
      {feed.heldBy.map((holder) => (
        <Holder key={`${holder.pid ?? holder.preparedTransaction}`} holder={holder} />
      ))}
    </Panel>
  );
}

function Holder({ holder }: { readonly holder: FeedHolder }) {
  const who =
    holder.preparedTransaction === undefined
      ? `Process ${holder.pid ?? '?'} of PostgreSQL`
      : `Prepared transaction ${holder.preparedTransaction}`;
  return (
    <div class="holder">
      <p>
        <b>{who}</b>
        {holder.applicationName !== undefined && ` (${holder.applicationName})`} holds readers at {count(holder.floor)}
        {holder.age !== undefined && ` for ${duration(holder.age)}`}
        {holder.state !== undefined && `, ${holder.state}`}.
      </p>
      {holder.query !== undefined && <code class="query">{holder.query}</code>}
    </div>
  );
}
