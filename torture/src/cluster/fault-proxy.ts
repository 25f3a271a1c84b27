import { once } from 'node:events';
import { createServer, connect as connectTo, type Server, type Socket } from 'node:net';
import type { Random } from '../random.ts';

/** What happens to a connection, once so many bytes have gone through in one direction. */
type Fate = 'none' | 'cut' | 'truncate' | 'half-close' | 'swallow';
type Direction = 'up' | 'down';

interface Plan {
  readonly fate: Fate;
  readonly direction: Direction;
  readonly afterBytes: number;
  /** Milliseconds that a chunk may be held back, at most; 0 for a quick line. */
  readonly maxDelay: number;
}

/**
 * A network between mink and PostgreSQL that delays, cuts, truncates, half-closes and swallows, in both directions. Every
 * connection is planned from the seed; how the bytes fall into chunks is up to the operating system.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #random: Random;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  readonly #faults = new Map<Fate, number>();
  #isHealed = false;

  private constructor(server: Server, options: { readonly targetPort: number; readonly random: Random }) {
    this.#server = server;
    this.#targetPort = options.targetPort;
    this.#random = options.random;
  }

  static async start(options: { readonly targetPort: number; readonly random: Random }): Promise<FaultProxy> {
    // Half-open connections are what half-closing is about.
    const server = createServer({ allowHalfOpen: true });
    const proxy = new FaultProxy(server, options);
    server.on('connection', (client) => proxy.#serve(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** How many connections met which fate. */
  faults(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#faults);
  }

  /** From now on a good network: whatever is planned for open connections happens at once, new ones are left alone. */
  heal(): void {
    this.#isHealed = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.heal();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #plan(): Plan {
    const random = this.#random;
    const direction = random.pick<Direction>(['up', 'down']);
    // Sometimes in the first message of all, sometimes in an append, sometimes after much has gone well.
    const afterBytes = random.int(1, random.pick([200, 3_000, 15_000, 60_000]));
    const maxDelay = random.chance(0.3) ? random.int(1, 40) : 0;
    const fate = random.chance(0.05) ? 'none' : random.pick<Fate>(['cut', 'truncate', 'half-close', 'swallow']);
    return this.#isHealed
      ? { fate: 'none', direction, afterBytes, maxDelay: 0 }
      : { fate, direction, afterBytes, maxDelay };
  }

  #serve(client: Socket): void {
    const plan = this.#plan();
    const server = connectTo({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true });
    const destroy = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', destroy);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        destroy();
      });
    }
    this.#forward(client, server, { plan, direction: 'up' });
    this.#forward(server, client, { plan, direction: 'down' });
  }

  #forward(
    from: Socket,
    to: Socket,
    { plan, direction }: { readonly plan: Plan; readonly direction: Direction },
  ): void {
    const isVictim = plan.fate !== 'none' && plan.direction === direction;
    let left = isVictim ? plan.afterBytes : Infinity;
    let isOver = false;
    let last = 0;
    const deliver = (action: () => void): void => {
      if (plan.maxDelay === 0) {
        action();
        return;
      }
      // In order: never before what was held back earlier.
      last = Math.max(last, performance.now() + this.#random.float() * plan.maxDelay);
      setTimeout(action, last - performance.now());
    };
    from.on('data', (chunk: Buffer) => {
      if (isOver) return;
      if (chunk.length <= left) {
        left -= chunk.length;
        deliver(() => {
          if (!to.destroyed && to.writable) to.write(chunk);
        });
        return;
      }
      isOver = true;
      const part = chunk.subarray(0, left);
      this.#faults.set(plan.fate, (this.#faults.get(plan.fate) ?? 0) + 1);
      deliver(() => this.#meetFate(plan.fate, { from, to, part }));
    });
    from.on('end', () => {
      if (!isOver) deliver(() => to.end());
    });
  }

  #meetFate(
    fate: Fate,
    { from, to, part }: { readonly from: Socket; readonly to: Socket; readonly part: Buffer },
  ): void {
    const cut = (): void => {
      from.destroy();
      to.destroy();
    };
    switch (fate) {
      case 'none':
        return;
      case 'cut':
        // Whole messages got through, this one did not: a reset on both sides.
        from.resetAndDestroy();
        to.resetAndDestroy();
        return;
      case 'truncate':
        // A message that ends in its middle.
        to.end(part);
        setTimeout(cut, 50);
        return;
      case 'half-close':
        // One side hears that the other will say no more; the other can still be answered, for a while.
        to.end(part);
        setTimeout(cut, this.#random.int(200, 1_000));
        return;
      case 'swallow':
        // Nothing comes, and nobody says so, until the line is given up.
        setTimeout(cut, this.#random.int(200, 1_500));
    }
  }
}
