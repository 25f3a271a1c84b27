import { InvalidArgumentError, InvalidMessageError, parseStreamName } from 'mink';
import { z } from 'zod';
import { fromCents, isAmount, toCents } from '../money.ts';
import type { OrderStore } from '../order-store.ts';
import type { OrderList, OrderRow } from '../projections/order-list.ts';

/** What orders can be ordered by, and the column behind it. */
const ORDERINGS = {
  'placed-at': 'placedAt',
  'updated-at': 'updatedAt',
  customer: 'customer',
  status: 'status',
  items: 'items',
  total: 'cents',
} as const;

const orderBy = z
  .string()
  .default('-placed-at')
  .transform((text, context) => {
    const found = Object.entries(ORDERINGS).find(([name]) => name === text.replace(/^-/u, ''));
    if (found !== undefined) return [found[1], text.startsWith('-') ? 'desc' : 'asc'] as const;
    context.addIssue(`Use one of ${Object.keys(ORDERINGS).join(', ')}, with - before it from high to low`);
    return z.NEVER;
  });

/** What the list can be asked: conditions, an order, a page. A field that is unknown is refused, not dropped. */
export const listOrdersQuery = z.strictObject({
  status: z.enum(['open', 'confirmed', 'shipped', 'cancelled']).optional(),
  customer: z.string().min(1).optional(),
  'min-total': z.coerce.number('Use an amount').refine(isAmount, 'Use an amount from 0').optional(),
  'order-by': orderBy,
  after: z.string().optional(),
  limit: z.coerce.number('Use a whole number').int().min(1).max(100).default(20),
  /** The token of a write that the list is to show. */
  afterWrite: z.string().optional(),
});

export interface ListedOrder extends Omit<OrderRow, 'stream' | 'cents'> {
  readonly id: string;
  readonly total: number;
}

/** What the list is read from. */
export interface ListSource {
  readonly store: OrderStore;
  /** The versions of the list that this process has code for. */
  readonly orderLists: readonly OrderList[];
  /** Milliseconds that a read waits for the write that it is to show. */
  readonly readTimeout: number;
}

/** One page of the list, and which version of it was read. */
export async function listOrders(
  { store, orderLists, readTimeout }: ListSource,
  query: z.output<typeof listOrdersQuery>,
  { signal }: { readonly signal?: AbortSignal | undefined },
) {
  const { status, customer, 'min-total': minTotal, 'order-by': order, after, limit, afterWrite } = query;
  const where = { status, customer, cents: minTotal === undefined ? undefined : { gte: toCents(minTotal) } };
  try {
    return await store.projections.readLive(orderLists, async (list) => {
      const page = await store.projections
        .readModel(list)
        .find({ where, orderBy: [order], after, limit, afterWrite, timeout: readTimeout, signal });
      return { version: list.version, orders: page.items.map(({ model }) => toListed(model)), next: page.next };
    });
  } catch (error) {
    if (!(error instanceof InvalidArgumentError) || error.argument !== 'after') throw error;
    throw new InvalidMessageError('ListOrders', [{ path: 'after', reason: 'Use the next of a page in this order' }]);
  }
}

function toListed({ stream, cents, ...row }: OrderRow): ListedOrder {
  return { id: parseStreamName(stream).id, ...row, total: fromCents(cents) };
}
