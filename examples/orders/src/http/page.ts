import { html } from 'hono/html';
import type { ListedOrder } from '../queries/list-orders.ts';

/** What the page shows. `html` escapes every value. */
export interface Page {
  readonly orders: readonly ListedOrder[];
  /** What the reader should know, if anything: an error, or that the list is late. */
  readonly notice?: string | undefined;
  /** A key for each form, under which it has one effect, however often it is sent. */
  readonly newKey: () => string;
}

/** The page of orders: HTML and nothing else. */
export function renderPage({ orders, notice, newKey }: Page) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Orders</title>
        <style>
          body {
            font: 1rem/1.5 system-ui;
            max-width: 60rem;
            margin: 2rem auto;
            padding: 0 1rem;
          }
          table {
            border-collapse: collapse;
            width: 100%;
          }
          th,
          td {
            text-align: left;
            padding: 0.25rem 0.75rem 0.25rem 0;
            border-bottom: 1px solid #ccc;
          }
          input {
            width: 8rem;
          }
          input[type='number'] {
            width: 5rem;
          }
          [role='status'] {
            background: #ffc;
            padding: 0.5rem;
          }
        </style>
      </head>
      <body>
        <h1>Orders</h1>
        ${notice === undefined ? '' : html`<p role="status">${notice}</p>`}
        <form method="post" action="/page/orders">
          <input type="hidden" name="key" value="${newKey()}" />
          <input name="customerId" placeholder="customer" aria-label="customer" required />
          <input name="reference" placeholder="reference" aria-label="reference" />
          <button>Place an order</button>
        </form>
        <table>
          <thead>
            <tr>
              <th>Order</th>
              <th>Customer</th>
              <th>Status</th>
              <th>Items</th>
              <th>Total</th>
              <th></th>
            </tr>
          </thead>
          <tbody>
            ${orders.map((order) => renderOrder(order, newKey))}
          </tbody>
        </table>
      </body>
    </html>`;
}

function renderOrder({ id, customer, status, items, total }: ListedOrder, newKey: Page['newKey']) {
  return html`<tr>
    <td><a href="/orders/${id}">${id}</a></td>
    <td><a href="/customers/${encodeURIComponent(customer)}">${customer}</a></td>
    <td>${status}</td>
    <td>${items}</td>
    <td>${total.toFixed(2)}</td>
    <td>${status === 'open' ? renderItemForm(id, newKey()) : ''}</td>
  </tr>`;
}

function renderItemForm(id: string, key: string) {
  return html`<form method="post" action="/page/orders/${id}/items">
    <input type="hidden" name="key" value="${key}" />
    <input name="sku" placeholder="sku" aria-label="sku" required />
    <input name="quantity" type="number" min="1" value="1" aria-label="quantity" required />
    <input name="price" type="number" min="0" step="0.01" placeholder="price" aria-label="price" required />
    <button>Add</button>
  </form>`;
}
