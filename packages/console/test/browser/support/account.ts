import { column, defineDecider, defineEvents, defineProjection, payload, table } from 'mink';

/** A small domain whose streams can be as long, and whose projections as broken, as a test wants. */
export const accountEvents = defineEvents({
  AccountOpened: payload<{ owner: string; note: string }>(),
  Deposited: payload<{ cents: number }>(),
  Withdrawn: payload<{ cents: number }>(),
});

interface Account {
  readonly owner: string | null;
  readonly note: string;
  readonly cents: number;
  readonly entries: number;
  readonly last: { readonly kind: 'deposit' | 'withdrawal'; readonly cents: number } | null;
}

export const account = defineDecider({
  category: 'Account',
  events: accountEvents,
  snapshots: { schemaVersion: 1 },
  initialState: (): Account => ({ owner: null, note: '', cents: 0, entries: 0, last: null }),
  evolve: (state, event) => {
    const entries = state.entries + 1;
    switch (event.type) {
      case 'AccountOpened':
        return { ...state, ...event.data, entries };
      case 'Deposited':
        if (event.data.cents < 0) throw new RangeError('a deposit takes nothing away');
        return { ...state, entries, cents: state.cents + event.data.cents, last: { kind: 'deposit', ...event.data } };
      case 'Withdrawn':
        return {
          ...state,
          entries,
          cents: state.cents - event.data.cents,
          last: { kind: 'withdrawal', ...event.data },
        };
    }
  },
  decide: ({ data }: { readonly type: 'Deposit'; readonly data: { readonly cents: number } }) =>
    accountEvents.Deposited(data),
});

/** Makes the projections refuse what they are given: a bug in their code, to be mended by the test. */
export const bug = { isThere: true };

const columns = { account: column.text(), owner: column.text(), cents: column.integer() };
const readModel = table({ key: 'account', columns });

const handlers = {
  AccountOpened: (_: unknown, { streamName, data }: { streamName: string; data: { owner: string } }) => {
    return { account: streamName, owner: data.owner, cents: 0 };
  },
};

export const balances = defineProjection({ name: 'balances', events: { Account: accountEvents }, readModel }).on({
  ...handlers,
  Deposited: (row, { data, streamName }) => row && { ...row, cents: row.cents + check(data.cents, streamName) },
  Withdrawn: (row, { data }) => row && { ...row, cents: row.cents - data.cents },
});

/** The next version: in it, every withdrawal has a fee. */
export const balancesWithFees = defineProjection({
  name: 'balances',
  version: 2,
  events: { Account: accountEvents },
  readModel,
}).on({
  ...handlers,
  Deposited: (row, { data }) => row && { ...row, cents: row.cents + data.cents },
  Withdrawn: (row, { data }) => row && { ...row, cents: row.cents - data.cents - 1 },
});

function check(cents: number, streamName: string): number {
  if (bug.isThere && streamName.startsWith('Account-broken'))
    throw new TypeError('cannot read the amount of a deposit');
  return cents;
}
