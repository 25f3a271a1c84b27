import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * The one address that clients know, whichever server is behind it: what a virtual address or a proxy is in production. Clients of a
 * server that is gone are cut off, and reach the new one when they connect again.
 */
export class Switchboard {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  static async start(target: number): Promise<Switchboard> {
    const server = createServer();
    const board = new Switchboard(server, target);
    server.on('connection', (client) => board.#serve(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return board;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** From now on another server answers. */
  pointTo(port: number): void {
    this.#target = port;
    this.#cut();
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#cut();
    await once(this.#server, 'close');
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(client: Socket): void {
    const upstream = connect(this.#target, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}
