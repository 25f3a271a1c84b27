import { parseStreamName } from 'mink';
import { z } from 'zod';
import { addAmounts, fromCents, toCents } from '../money.ts';
import type { OrderStore } from '../order-store.ts';
import { openOrders } from '../projections/open-orders.ts';

/** What a customer may have ordered before it is shipped. It is shown, not enforced: whoever takes the order decides. */
const CREDIT_LIMIT = 10_000;
const PAGE_SIZE = 1_000;

export const customerQuery = z.object({ customerId: z.string().trim().min(1) });

/** What a customer has open, and how much of the limit is left. Inline rows are never behind: there is nothing to wait for. */
export async function getCustomer(store: OrderStore, { customerId }: z.output<typeof customerQuery>) {
  const rows = store.projections.readModel(openOrders);
  const orders = [];
  let after: string | undefined;
  do {
    const where = { customer: customerId };
    const page = await rows.find({ where, orderBy: ['openedAt'], limit: PAGE_SIZE, after });
    for (const { model } of page.items) {
      const { id } = parseStreamName(model.stream);
      orders.push({ id, total: fromCents(model.cents), openedAt: model.openedAt });
    }
    after = page.next;
  } while (after !== undefined);
  const open = orders.reduce((sum, { total }) => addAmounts(sum, total), 0);
  return { customerId, open, limit: CREDIT_LIMIT, left: fromCents(toCents(CREDIT_LIMIT) - toCents(open)), orders };
}
