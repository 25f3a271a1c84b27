import { defineEvents, payload, upcastFrom } from 'mink';
import { z } from 'zod';
import { isAmount } from './money.ts';

const text = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Use printable characters only');
const amount = z.number().refine(isAmount, 'Use an amount from 0 with at most two decimals');

/** Every payload is checked by its schema before it is stored. */
export const payloads = {
  OrderCreated: z.object({ customerId: text, reference: text.nullable() }),
  ItemAdded: z.object({
    sku: text,
    quantity: z.int().positive().max(10_000),
    price: amount.max(100_000),
  }),
  OrderConfirmed: z.object({ total: amount }),
  OrderShipped: z.object({ trackingNumber: text }),
  OrderCancelled: z.object({ reason: text }),
};

/** What can happen to an order. */
export const orderEvents = defineEvents(
  {
    ...payloads,
    // The first orders knew nothing of references.
    OrderCreated: upcastFrom(payload<{ customerId: string }>())
      .to(2, (stored) => ({ ...stored, reference: null }))
      .now(payloads.OrderCreated),
  },
  {
    unique: {
      // The customer's own number for an order: no two orders have the same one, until a cancelled order gives it up.
      reference: ({ type, data }) => {
        if (type === 'OrderCreated') return data.reference;
        return type === 'OrderCancelled' ? null : undefined;
      },
    },
  },
);
