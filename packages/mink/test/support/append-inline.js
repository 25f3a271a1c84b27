// Appends to a few carts, of which documents are kept inline, until it is killed.
import { createPostgresStore } from 'mink/postgres';
import { cartEvents, numbers } from './carts.js';

const [url, from] = process.argv.slice(2);
const store = createPostgresStore({ url, categories: { Cart: cartEvents }, inline: [numbers] });
let next = Number(from);
const writer = async (cart) => {
  for (;;) {
    next += 1;
    await store.append(`Cart-${cart}`, [cartEvents.Numbered({ n: next })]);
    process.stdout.write('.');
  }
};
await Promise.all([0, 1, 2, 0, 1, 2].map(writer));
