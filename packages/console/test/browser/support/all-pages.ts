import type { Stage } from './stage.ts';

/** A view of the console, with something that is seen when it is there. */
export interface PageToSee {
  readonly name: string;
  readonly path: string;
  readonly sees: RegExp;
}

/** Every page and view of the console. */
export const allPages = ({ shippedAt }: Pick<Stage, 'shippedAt'>): readonly PageToSee[] => [
  { name: 'overview', path: '', sees: /Events appended[\s\S]*Readable up to/u },
  { name: 'projections', path: 'projections', sees: /order-list[\s\S]*open-orders|open-orders[\s\S]*order-list/u },
  { name: 'projection', path: 'projections/balances/1', sees: /Events behind[\s\S]*Version 2/u },
  { name: 'dead-letters', path: 'dead-letters', sees: /Account-broken-1/u },
  { name: 'dead-letter', path: 'dead-letters/balances/1/Account-broken-1', sees: /cannot read the amount/u },
  { name: 'streams', path: 'streams', sees: /Account-\w+/u },
  { name: 'stream', path: 'streams/Order-first', sees: /OrderShipped/u },
  {
    name: 'time-travel',
    path: 'streams/Account-long?view=states&at=4000',
    sees: /4,000 \/ 10,000[\s\S]*State after it/u,
  },
  { name: 'events', path: 'events?live=off', sees: /Deposited/u },
  { name: 'why', path: `events/${shippedAt}`, sees: /Why it happened[\s\S]*Handled by/u },
  { name: 'snapshots', path: 'snapshots', sees: /Account-long/u },
  { name: 'schema', path: 'schema', sees: /CommitAuthored/u },
  { name: 'commands', path: 'commands', sees: /ShipOrder/u },
  { name: 'health', path: 'health', sees: /stage[\s\S]*Last report/u },
  { name: 'doctor', path: 'doctor', sees: /of \d+ checks want attention|All is well/u },
  { name: 'incident', path: 'incident', sees: /No bundle is open/u },
];
