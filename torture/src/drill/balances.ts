import { defineEvents, defineProjection, documents, payload } from 'mink';

/** What the service of the drill writes. */
export const accountEvents = defineEvents({ Paid: payload<{ readonly amount: number; readonly note: string }>() });

/** What it shows. */
export const balances = defineProjection({
  name: 'balances',
  events: { Account: accountEvents },
  readModel: documents<{ readonly payments: number; readonly amount: number }>(),
}).on({
  Paid: (balance, { data }) => ({
    payments: (balance?.payments ?? 0) + 1,
    amount: (balance?.amount ?? 0) + data.amount,
  }),
});
