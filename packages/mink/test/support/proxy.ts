import { connect, createServer, type Socket } from 'node:net';

/** Where a connection is cut, counted from the moment it is asked for. */
export interface CutPoint {
  /** So many messages of one side pass; the next one is lost. */
  readonly after: number;
  /**
   * `answer`: the server's next message is lost; `half`: half of it arrives; `request`: what the client sends next does not
   * arrive; `terminated`: instead of its next message, the server says that an administrator ends the session.
   */
  readonly kind: 'answer' | 'half' | 'request' | 'terminated';
  /** Whether nobody can connect from then on, until `refuse(false)`. */
  readonly outage?: boolean | undefined;
}

/** A proxy in front of a PostgreSQL, that does what networks do. */
export interface Proxy {
  readonly url: string;
  /** Cuts all connections. */
  cut(): void;
  /** Cuts all connections at a point to come, once. */
  cutAt(point: CutPoint): void;
  /** Whether the point has come; none is awaited afterwards. */
  wasCut(): boolean;
  /** Whether new connections are refused. */
  refuse(on: boolean): void;
  /** Whether all that is sent is swallowed, on old connections and new ones. These are cut at the end. */
  swallow(on: boolean): void;
  /** Swallows all that is sent on the connections there are, until the end, as when another server has taken the address; new ones work. */
  strand(): void;
  /** Milliseconds that each answer takes longer. */
  delay(milliseconds: number): void;
  /** Messages that have passed since the last `cutAt`. */
  readonly passed: { readonly answers: number; readonly requests: number };
  close(): Promise<void>;
}

/** What a server says to a session that an administrator ends. */
const TERMINATED = ((): Buffer => {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
  const header = Buffer.alloc(5);
  header.write('E');
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
})();

/** Cuts a stream into the messages of the protocol, of which each says how long it is. */
function messagesOf(onMessage: (message: Buffer) => void): (chunk: Buffer) => void {
  let left: Buffer = Buffer.alloc(0);
  return (chunk) => {
    left = Buffer.concat([left, chunk]);
    while (left.length >= 5 && left.length > left.readInt32BE(1)) {
      const length = 1 + left.readInt32BE(1);
      onMessage(left.subarray(0, length));
      left = left.subarray(length);
    }
  };
}

/** Passes everything on, until it is told otherwise. */
export async function startProxy(url: string): Promise<Proxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const stranded = new WeakSet<Socket>();
  let [isRefusing, isSwallowing, delay] = [false, false, 0];
  let passed = { answers: 0, requests: 0 };
  let point: CutPoint | undefined;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  /** The point has come. */
  const cutNow = ({ outage }: CutPoint): void => {
    point = undefined;
    if (outage === true) isRefusing = true;
    cut();
  };

  const server = createServer({ allowHalfOpen: true }, (socket) => {
    if (isRefusing) {
      socket.destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const isLost = (): boolean => isSwallowing || stranded.has(socket);
    for (const [end, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(end);
      end.on('error', () => end.destroy());
      end.on('close', () => {
        sockets.delete(end);
        if (!isLost()) other.destroy();
      });
    }
    socket.on('end', () => isLost() || upstream.end());
    upstream.on('end', () => isLost() || socket.end());
    socket.on('data', (chunk: Buffer) => {
      if (isLost() || socket.destroyed) return;
      if (point?.kind === 'request' && passed.requests >= point.after) {
        cutNow(point);
        return;
      }
      passed.requests += 1;
      upstream.write(chunk);
    });
    const take = messagesOf((message) => {
      if (isLost() || socket.destroyed) return;
      if (point !== undefined && point.kind !== 'request' && passed.answers >= point.after) {
        if (point.kind === 'half') socket.write(message.subarray(0, Math.floor(message.length / 2)));
        if (point.kind === 'terminated') socket.write(TERMINATED);
        // What was written still goes out.
        socket.end();
        sockets.delete(socket);
        cutNow(point);
        return;
      }
      passed.answers += 1;
      socket.write(message);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (delay === 0) take(chunk);
      else setTimeout(() => take(chunk), delay);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const proxied = new URL(url);
  proxied.port = String(typeof address === 'object' ? address?.port : '');
  return {
    url: proxied.href,
    cut,
    cutAt: (next) => {
      passed = { answers: 0, requests: 0 };
      point = next;
    },
    wasCut: () => {
      const isOver = point === undefined;
      point = undefined;
      return isOver;
    },
    refuse: (on) => {
      isRefusing = on;
    },
    swallow: (on) => {
      isSwallowing = on;
      if (!on) cut();
    },
    strand: () => {
      for (const socket of sockets) stranded.add(socket);
    },
    delay: (milliseconds) => {
      delay = milliseconds;
    },
    get passed() {
      return passed;
    },
    close: async () => {
      cut();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
