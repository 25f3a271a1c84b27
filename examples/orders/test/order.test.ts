// oxlint-disable vitest/expect-expect -- given(…).when(…).then(…) asserts
import { InvalidEventDataError } from 'mink';
import { given } from 'mink/testing';
import { describe, expect, it } from 'vitest';
import {
  InvalidItemError,
  OrderAlreadyCancelledError,
  OrderAlreadyConfirmedError,
  OrderAlreadyExistsError,
  OrderAlreadyShippedError,
  OrderEmptyError,
  OrderNotConfirmedError,
  OrderNotFoundError,
} from '../src/order-errors.ts';
import type { OrderCommand } from '../src/order-commands.ts';
import { orderEvents } from '../src/order-events.ts';
import { order } from '../src/order.ts';

const { OrderCreated, ItemAdded, OrderConfirmed, OrderShipped, OrderCancelled } = orderEvents;

const created = OrderCreated({ customerId: 'ada', reference: null });
const added = ItemAdded({ sku: 'SKU-1', quantity: 2, price: 25 });
const confirmed = OrderConfirmed({ total: 50 });
const shipped = OrderShipped({ trackingNumber: 'T-1' });
const cancelled = OrderCancelled({ reason: 'changed my mind' });

const create: OrderCommand = { type: 'CreateOrder', data: { id: '42', customerId: 'ada', reference: null } };
const addItem: OrderCommand = { type: 'AddItem', data: { id: '42', sku: 'SKU-1', quantity: 2, price: 25 } };
const confirm: OrderCommand = { type: 'ConfirmOrder', data: { id: '42' } };
const ship: OrderCommand = { type: 'ShipOrder', data: { id: '42', trackingNumber: 'T-1' } };
const cancel: OrderCommand = { type: 'CancelOrder', data: { id: '42', reason: 'changed my mind' } };
const commands = [addItem, confirm, ship, cancel];

describe('an order', () => {
  it('is created once', () => {
    given(order, []).when(create).then([created]);
    given(order, [created]).when(create).thenThrows(OrderAlreadyExistsError);
  });

  it('takes items while it is open', () => {
    given(order, [created]).when(addItem).then([added]);
    given(order, [created, added, confirmed]).when(addItem).thenThrows(OrderAlreadyConfirmedError);
  });

  it.each([
    { quantity: 0, price: 25 },
    { quantity: -1, price: 25 },
    { quantity: 1.5, price: 25 },
    { quantity: 1, price: -0.01 },
    { quantity: 1, price: 0.001 },
  ])('refuses the item %j', (numbers) => {
    given(order, [created])
      .when({ type: 'AddItem', data: { id: '42', sku: 'SKU-1', ...numbers } })
      .thenThrows(InvalidItemError);
  });

  it('refuses texts that its events cannot hold', () => {
    given(order, [])
      .when({ type: 'CreateOrder', data: { id: '42', customerId: ' ', reference: null } })
      .thenThrows(InvalidEventDataError);
  });

  it('is confirmed with its total, which has no rounding error', () => {
    given(order, [created, added]).when(confirm).then([confirmed]);
    given(order, [
      created,
      ItemAdded({ sku: 'A', quantity: 3, price: 29.99 }),
      ItemAdded({ sku: 'B', quantity: 1, price: 0.1 }),
    ])
      .when(confirm)
      .then([OrderConfirmed({ total: 90.07 })]);
  });

  it('is not confirmed without items, or twice', () => {
    given(order, [created]).when(confirm).thenThrows(OrderEmptyError);
    given(order, [created, added, confirmed]).when(confirm).thenThrows(OrderAlreadyConfirmedError);
  });

  it('is shipped once it is confirmed', () => {
    given(order, [created, added, confirmed]).when(ship).then([shipped]);
    given(order, [created, added]).when(ship).thenThrows(OrderNotConfirmedError);
  });

  it('is cancelled before it is shipped', () => {
    given(order, [created]).when(cancel).then([cancelled]);
    given(order, [created, added, confirmed])
      .when(cancel)
      .thenState((state) => {
        expect(state).toMatchObject({ status: 'cancelled', reason: 'changed my mind', total: 50 });
      });
  });

  it.each(commands)('takes no $type once it was shipped', (command) => {
    given(order, [created, added, confirmed, shipped]).when(command).thenThrows(OrderAlreadyShippedError);
  });

  it.each(commands)('takes no $type once it was cancelled', (command) => {
    given(order, [created, added, cancelled]).when(command).thenThrows(OrderAlreadyCancelledError);
  });

  it.each(commands)('takes no $type before it was created', (command) => {
    given(order, []).when(command).thenThrows(OrderNotFoundError);
  });

  it('says with which facts a command was refused', () => {
    given(order, [created, added, confirmed, shipped])
      .when(confirm)
      .thenThrows((error) => {
        expect(error).toMatchObject({ code: 'ORDER_ALREADY_SHIPPED', trackingNumber: 'T-1' });
      });
  });
});
