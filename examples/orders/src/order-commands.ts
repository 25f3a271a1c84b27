import { randomUUID } from 'node:crypto';
import { defineCommands, type CommandOf } from 'mink';
import { z } from 'zod';
import { payloads } from './order-events.ts';

const ORDER_ID = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/;

/** The id of an order is part of its URL and of its stream's name. */
export const orderId = z
  .string()
  .regex(ORDER_ID, 'Use up to 64 of A-Z a-z 0-9 . _ ~ -, beginning with a letter or digit');

const { OrderCreated, ItemAdded, OrderShipped, OrderCancelled } = payloads;

/**
 * What can be asked of an order. A command has the order's id and the fields of the event that comes of it; a misspelt
 * field is refused, not dropped.
 */
export const orderCommands = defineCommands({
  CreateOrder: z.strictObject({
    // Made here, so that a command without an id is the same one when it is sent again.
    id: orderId.default(() => randomUUID()),
    customerId: OrderCreated.shape.customerId,
    reference: OrderCreated.shape.reference.default(null),
  }),
  AddItem: ItemAdded.extend({ id: orderId }).strict(),
  ConfirmOrder: z.strictObject({ id: orderId }),
  ShipOrder: OrderShipped.extend({ id: orderId }).strict(),
  CancelOrder: OrderCancelled.extend({ id: orderId }).strict(),
});

export type OrderCommand = CommandOf<typeof orderCommands>;
