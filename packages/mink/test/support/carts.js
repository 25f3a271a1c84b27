// Carts, and what a projection keeps of each: the numbers of its events, in the order they were applied.
import { defineEvents, defineProjection, documents, payload } from 'mink';

export const cartEvents = defineEvents({ Numbered: payload() });

export const numbers = defineProjection({
  name: 'numbers',
  events: { Cart: cartEvents },
  readModel: documents(),
}).on({ Numbered: (cart, { data }) => ({ numbers: [...(cart?.numbers ?? []), data.n] }) });
