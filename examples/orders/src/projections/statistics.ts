import { defineProjection, documents, parseStreamName } from 'mink';
import { addAmounts } from '../money.ts';
import { orderEvents } from '../order-events.ts';

/** What has happened on one day. */
export interface Day {
  readonly placed: number;
  readonly confirmed: number;
  readonly shipped: number;
  readonly cancelled: number;
  /** The totals of what was confirmed. */
  readonly revenue: number;
  /** The last orders that were placed, the newest first. */
  readonly recent: readonly { readonly id: string; readonly customerId: string; readonly placedAt: string }[];
}

export const EMPTY_DAY: Day = { placed: 0, confirmed: 0, shipped: 0, cancelled: 0, revenue: 0, recent: [] };
const MAX_RECENT = 10;

/** The day of a time, in UTC: `2026-01-31`. */
export function dayOf(time: Date): string {
  return time.toISOString().slice(0, 'YYYY-MM-DD'.length);
}

/**
 * What has happened, day by day. **Live**: in the memory of each process, for a screen that shows what happens right now. It needs no
 * table, costs no append anything, and is gone with its process, which reads the log once more when it starts.
 */
export const statistics = defineProjection({
  name: 'statistics',
  events: { Order: orderEvents },
  readModel: documents<Day>(),
  key: ({ recordedAt }) => dayOf(recordedAt),
}).on({
  OrderCreated: (day, { streamName, data, recordedAt }) => {
    const { placed, recent, ...rest } = day ?? EMPTY_DAY;
    const { id } = parseStreamName(streamName);
    const order = { id, customerId: data.customerId, placedAt: recordedAt.toISOString() };
    return { ...rest, placed: placed + 1, recent: [order, ...recent].slice(0, MAX_RECENT) };
  },
  OrderConfirmed: (day, { data }) => {
    const { confirmed, revenue, ...rest } = day ?? EMPTY_DAY;
    return { ...rest, confirmed: confirmed + 1, revenue: addAmounts(revenue, data.total) };
  },
  OrderShipped: (day) => ({ ...EMPTY_DAY, ...day, shipped: (day?.shipped ?? 0) + 1 }),
  OrderCancelled: (day) => ({ ...EMPTY_DAY, ...day, cancelled: (day?.cancelled ?? 0) + 1 }),
});
