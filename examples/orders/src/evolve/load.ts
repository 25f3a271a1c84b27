import { z } from 'zod';
import { readToken, TOKEN_HEADER } from 'mink/http';
import type { Fleet } from './fleet.ts';
import type { Measurements } from './measurements.ts';

const CUSTOMERS = 4;
const TIMEOUT_MS = 30_000;

const orderAnswer = z.object({ id: z.string(), status: z.string(), total: z.number() });
const listAnswer = z.object({ orders: z.array(orderAnswer) });
const customerAnswer = z.object({ open: z.number() });

type Order = z.infer<typeof orderAnswer>;

/** Who asks something that is not answered as it should be gives up that order, and goes on with the next. */
class NotAnswered extends Error {}

/**
 * Customers who order, one order after another: they place it, add items, confirm, and look after each step whether what they did is
 * there. Each request goes to another process than the one before.
 */
export class Load implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #measurements: Measurements;
  readonly #working: Promise<unknown>;
  #isOver = false;
  #orders = 0;

  constructor(fleet: Fleet, measurements: Measurements) {
    this.#fleet = fleet;
    this.#measurements = measurements;
    this.#working = Promise.all(Array.from({ length: CUSTOMERS }, () => this.#work()));
    // Whoever ends it is told.
    this.#working.catch(() => undefined);
  }

  /** Orders that were placed. */
  get orders(): number {
    return this.#orders;
  }

  /** Ends when the requests under way have been answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#working;
  }

  async #work(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#order(`walk-${(this.#orders += 1)}`);
      } catch (error) {
        if (!(error instanceof NotAnswered)) throw error;
      }
    }
  }

  /** The life of one order; its customer has no other. */
  async #order(id: string): Promise<void> {
    await this.#change('/orders', { id, customerId: id });
    for (let item = 1; item <= 2; item += 1) {
      await this.#change(`/orders/${id}/items`, { sku: `SKU-${item}`, quantity: item + 1, price: 9.95 });
    }
    await this.#change(`/orders/${id}/confirm`);
  }

  /** Changes an order, then reads both read models: the list with the token, and what is inline without. */
  async #change(path: string, body?: object): Promise<void> {
    const { answer, token } = await this.#send(path, orderAnswer, { body });
    await this.#checkList(answer, token);
    const { answer: customer } = await this.#send(`/customers/${answer.id}`, customerAnswer);
    this.#measurements.ownRead(customer.open === answer.total, `${path}: not in the inline projection`);
  }

  async #checkList(written: Order, token: string | undefined): Promise<void> {
    const { answer } = await this.#send(`/orders?customer=${written.id}`, listAnswer, { token });
    const row = answer.orders.find(({ id }) => id === written.id);
    const isThere = row?.status === written.status && row.total === written.total;
    this.#measurements.ownRead(isThere, `${JSON.stringify(written)} is not listed, but ${JSON.stringify(row)}`);
  }

  async #send<T extends z.ZodType>(
    path: string,
    schema: T,
    { body, token }: { readonly body?: object | undefined; readonly token?: string | undefined } = {},
  ): Promise<{ readonly answer: z.output<T>; readonly token: string | undefined }> {
    const { phase } = this.#measurements;
    const isRead = path.startsWith('/orders?') || path.startsWith('/customers/');
    const init = {
      method: isRead ? 'GET' : 'POST',
      headers: token === undefined ? {} : { [TOKEN_HEADER]: token },
      body: body === undefined ? null : JSON.stringify(body),
    };
    return this.#fleet.send(async ({ url, release }) => {
      const begun = performance.now();
      try {
        const response = await fetch(`${url}${path}`, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
        const text = await response.text();
        if (!response.ok) throw new Error(`${response.status} ${text}`);
        const readModel = response.headers.get('x-read-model');
        if (readModel !== null) this.#measurements.serve(`${release} ${readModel}`);
        return { answer: schema.parse(JSON.parse(text)), token: readToken(response) };
      } catch (error) {
        this.#measurements.fail(`${init.method} ${path}: ${String(error)}`);
        throw new NotAnswered(path, { cause: error });
      } finally {
        this.#measurements.took(phase, performance.now() - begun);
      }
    });
  }
}
