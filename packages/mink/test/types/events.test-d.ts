import { type } from 'arktype';
import * as v from 'valibot';
import { z } from 'zod';
import * as mini from 'zod/mini';
import { codec, defineEvents, payload, type DataOf, type EventOf } from '../../src/index.ts';
import { expectType } from './expect-type.ts';

// Payload types come from their schema, whatever library it is of.
const orderEvents = defineEvents({
  Created: z.object({ customerId: z.string(), note: z.string().default('none') }),
  Priced: z.object({
    total: z.codec(z.string(), z.bigint(), { decode: BigInt, encode: String }),
    at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (at) => at.toISOString() }),
  }),
  Tagged: mini.object({ tags: mini.array(mini.string()) }),
  Shipped: v.object({ carrier: v.picklist(['dhl', 'ups']) }),
  Returned: type({ reason: "'broken' | 'late'", 'parts?': 'number[]' }),
  Dated: codec(v.object({ at: v.pipe(v.string(), v.toDate()) }), { encode: ({ at }) => ({ at: at.toISOString() }) }),
  Confirmed: payload<{ readonly total: number }>(),
});
type OrderEvent = EventOf<typeof orderEvents>;

expectType<OrderEvent['type']>()<'Created' | 'Priced' | 'Tagged' | 'Shipped' | 'Returned' | 'Dated' | 'Confirmed'>();
type DataOfType<T extends OrderEvent['type']> = Extract<OrderEvent, { readonly type: T }>['data'];
expectType<DataOfType<'Created'>>()<{ customerId: string; note: string }>();
expectType<DataOfType<'Priced'>>()<{ total: bigint; at: Date }>();
expectType<DataOfType<'Tagged'>>()<{ tags: string[] }>();
expectType<DataOfType<'Shipped'>>()<{ carrier: 'dhl' | 'ups' }>();
expectType<DataOfType<'Returned'>>()<{ reason: 'broken' | 'late'; parts?: number[] }>();
expectType<DataOfType<'Dated'>>()<{ at: Date }>();
expectType<DataOfType<'Confirmed'>>()<{ readonly total: number }>();

// A creator takes the payload of its type and gives an event of that type.
const shipped = orderEvents.Shipped({ carrier: 'dhl' });
expectType<typeof shipped.type>()<'Shipped'>();
export const asUnion: OrderEvent = shipped;
// @ts-expect-error not a carrier
orderEvents.Shipped({ carrier: 'mail' });
// @ts-expect-error a part is missing
orderEvents.Created({ customerId: 'c-1' });
// @ts-expect-error a part too many
orderEvents.Confirmed({ total: 1, more: 1 });
// @ts-expect-error no such type
orderEvents.Gone({});

// The union narrows by type.
export function describe(event: OrderEvent): string | undefined {
  switch (event.type) {
    case 'Created':
      return event.data.customerId;
    case 'Shipped':
      return event.data.carrier;
    case 'Priced':
      return event.data.at.toISOString();
    case 'Returned':
    case 'Tagged':
    case 'Dated':
    case 'Confirmed':
      // @ts-expect-error no payload of these has it
      return event.data.customerId;
  }
}

// A one-way schema that gives something else than it takes needs a codec.
const length = v.pipe(
  v.string(),
  v.transform((text) => text.length),
);
// @ts-expect-error wrap it in codec(schema, { encode })
defineEvents({ Odd: length });
// @ts-expect-error wrap it in codec(schema, { encode }), also when it is inside an object
defineEvents({ Odd: v.object({ length }) });
// @ts-expect-error wrap it in codec(schema, { encode })
defineEvents({ Odd: type('string.numeric.parse') });
defineEvents({ Odd: codec(length, { encode: (count) => 'x'.repeat(count) }) });
// @ts-expect-error encode gets what the schema gives: a number
codec(length, { encode: (text: string) => text });
// One that gives what it takes does not.
defineEvents({ Odd: v.pipe(v.string(), v.trim()), Other: type('string.trim') });

// What is not a schema is refused.
// @ts-expect-error not a schema
defineEvents({ Odd: 'string' });
// @ts-expect-error not a schema
defineEvents({ Odd: { parse: (value: unknown) => value } });

expectType<DataOf<typeof length>>()<number>();
