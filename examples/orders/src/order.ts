import { defineDecider } from 'mink';
import { addLine, isAmount } from './money.ts';
import type { OrderCommand } from './order-commands.ts';
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
import { orderEvents } from './order-events.ts';

// What has to be known of an order to decide.

interface OrderItem {
  readonly sku: string;
  readonly quantity: number;
  readonly price: number;
}

interface OrderContents {
  readonly customerId: string;
  readonly reference: string | null;
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

// The order itself: `evolve` folds what happened into the state, `decide` turns a command into what happens next.

export const order = defineDecider({
  category: 'Order',
  events: orderEvents,
  // Raise the version when evolve comes to another state from the same events.
  snapshots: { schemaVersion: 1 },
  initialState: (): OrderState => ({ status: 'new', customerId: '', reference: null, items: [], total: 0 }),

  evolve: (state, event) => {
    switch (event.type) {
      case 'OrderCreated':
        return { ...state, ...event.data, status: 'open' };
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

  decide: ({ type, data }: OrderCommand, state) => {
    switch (type) {
      case 'CreateOrder':
        if (state.status !== 'new') throw new OrderAlreadyExistsError();
        return orderEvents.OrderCreated({ customerId: data.customerId, reference: data.reference });

      case 'AddItem': {
        const { sku, quantity, price } = data;
        checkOpen(state);
        if (!Number.isInteger(quantity) || quantity < 1 || !isAmount(price)) throw new InvalidItemError(data);
        return orderEvents.ItemAdded({ sku, quantity, price });
      }

      case 'ConfirmOrder':
        checkOpen(state);
        if (state.items.length === 0) throw new OrderEmptyError();
        return orderEvents.OrderConfirmed({ total: state.total });

      case 'ShipOrder':
        checkActive(state);
        if (state.status === 'open') throw new OrderNotConfirmedError();
        return orderEvents.OrderShipped({ trackingNumber: data.trackingNumber });

      case 'CancelOrder':
        checkActive(state);
        return orderEvents.OrderCancelled({ reason: data.reason });
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
