import { CONSOLE_PATH } from '../http/console-routes.ts';
import type { OrderStore } from '../order-store.ts';

const JSON_BODY = "-H 'content-type: application/json' -d";

/** What is printed after the start: the address, and commands that work when they are pasted. */
export async function welcome(
  store: OrderStore,
  facts: { readonly url: string; readonly data: string },
): Promise<string> {
  const { url, data } = facts;
  const number = await firstFreeNumber(store);
  const orderUrl = `${url}/orders/demo-${number}`;
  const lines = [
    `The order service listens on ${url}`,
    `Orders are kept in ${data}`,
    '',
    'Try it:',
    `  curl ${url}/orders ${JSON_BODY} '{"id":"demo-${number}","customerId":"ada"}'`,
    `  curl ${orderUrl}/items ${JSON_BODY} '{"sku":"SKU-001","quantity":2,"price":29.99}'`,
    `  curl ${orderUrl}/history`,
    '',
    `Or in a browser: ${url}`,
    `What is going on inside: ${url}${CONSOLE_PATH}/`,
    '',
  ];
  if (number > 1) lines.push(`Still there from before: ${url}/orders/demo-${number - 1}`);
  lines.push('Ctrl-C stops it.');
  return lines.join('\n');
}

/** After a restart the orders of the last time exist already, so the commands need the next number. */
async function firstFreeNumber(store: OrderStore): Promise<number> {
  let number = 1;
  while ((await store.streamInfo(`Order-demo-${number}`)) !== undefined) number += 1;
  return number;
}
