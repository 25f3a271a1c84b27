import type { OrderState } from '../order.ts';

/** An order as clients see it. */
export type OrderView = OrderState & { readonly id: string; readonly version: number };

export function orderView(
  id: string,
  order: { readonly streamVersion: number; readonly state: OrderState },
): OrderView {
  return { id, version: order.streamVersion, ...order.state };
}
