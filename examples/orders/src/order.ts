import { defineDecider, defineEvents } from 'mink';
import { z } from 'zod';
import { addLine, isAmount } from './money.ts';
import {
  InvalidItemError,
  OrderAlreadyCancelledError,
  OrderAlreadyConfirmedError,
  OrderAlreadyExistsError,
  OrderAlreadyShippedError,
  OrderEmptyError,
  OrderNotConfirmedError,
  OrderNotFoundError,
} from './order-errors.ts';

// 1. What can happen to an order. Every payload is checked by its schema before it is stored.

const text = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Use printable characters only');
const amount = z.number().refine(isAmount, 'Use an amount from 0 with at most two decimals');

export const payloads = {
  OrderCreated: z.object({ customerId: text }),
  ItemAdded: z.object({
    sku: text,
    quantity: z.int().positive().max(10_000),
    price: amount.max(100_000),
  }),
  OrderConfirmed: z.object({ total: amount }),
  OrderShipped: z.object({ trackingNumber: text }),
  OrderCancelled: z.object({ reason: text }),
};

export const orderEvents = defineEvents(payloads);

// 2. What can be asked of an order.

export type OrderCommand =
  | { readonly type: 'create'; readonly customerId: string }
  | { readonly type: 'addItem'; readonly sku: string; readonly quantity: number; readonly price: number }
  | { readonly type: 'confirm' }
  | { readonly type: 'ship'; readonly trackingNumber: string }
  | { readonly type: 'cancel'; readonly reason: string };

// 3. What has to be known of an order to decide.

interface OrderItem {
  readonly sku: string;
  readonly quantity: number;
  readonly price: number;
}

interface OrderContents {
  readonly customerId: string;
  readonly items: readonly OrderItem[];
  readonly total: number;
}

export type OrderState = OrderContents &
  (
    | { readonly status: 'new' }
    | { readonly status: 'open' }
    | { readonly status: 'confirmed' }
    | { readonly status: 'shipped'; readonly trackingNumber: string }
    | { readonly status: 'cancelled'; readonly reason: string }
  );

// 4. The order itself: `evolve` folds what happened into the state, `decide` turns a command into what happens next.

export const order = defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: (): OrderState => ({ status: 'new', customerId: '', items: [], total: 0 }),

  evolve: (state, event) => {
    switch (event.type) {
      case 'OrderCreated':
        return { ...state, status: 'open', customerId: event.data.customerId };
      case 'ItemAdded':
        return { ...state, items: [...state.items, event.data], total: addLine(state.total, event.data) };
      case 'OrderConfirmed':
        return { ...state, status: 'confirmed', total: event.data.total };
      case 'OrderShipped':
        return { ...state, status: 'shipped', trackingNumber: event.data.trackingNumber };
      case 'OrderCancelled':
        return { ...state, status: 'cancelled', reason: event.data.reason };
    }
  },

  decide: (command: OrderCommand, state) => {
    switch (command.type) {
      case 'create':
        if (state.status !== 'new') throw new OrderAlreadyExistsError();
        return orderEvents.OrderCreated({ customerId: command.customerId });

      case 'addItem': {
        const { sku, quantity, price } = command;
        checkOpen(state);
        if (!Number.isInteger(quantity) || quantity < 1 || !isAmount(price)) throw new InvalidItemError(command);
        return orderEvents.ItemAdded({ sku, quantity, price });
      }

      case 'confirm':
        checkOpen(state);
        if (state.items.length === 0) throw new OrderEmptyError();
        return orderEvents.OrderConfirmed({ total: state.total });

      case 'ship':
        checkActive(state);
        if (state.status === 'open') throw new OrderNotConfirmedError();
        return orderEvents.OrderShipped({ trackingNumber: command.trackingNumber });

      case 'cancel':
        checkActive(state);
        return orderEvents.OrderCancelled({ reason: command.reason });
    }
  },
});

function checkOpen(state: OrderState): void {
  checkActive(state);
  if (state.status === 'confirmed') throw new OrderAlreadyConfirmedError();
}

function checkActive(state: OrderState): void {
  switch (state.status) {
    case 'new':
      throw new OrderNotFoundError();
    case 'shipped':
      throw new OrderAlreadyShippedError(state.trackingNumber);
    case 'cancelled':
      throw new OrderAlreadyCancelledError(state.reason);
    case 'open':
    case 'confirmed':
  }
}
