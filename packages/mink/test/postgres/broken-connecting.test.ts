import { rejects, strictEqual } from 'node:assert';
import { connect, createServer, type Socket } from 'node:net';
import { Pool } from 'pg';
import { test } from 'vitest';
import { createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';

const event = { type: 'Noted', data: { n: 1 } };

/** What a server says to a session that an administrator ends. */
function terminated(): Buffer {
  const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');
  const header = Buffer.alloc(5);
  header.write('E');
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
}

/** In front of the server: ends as many sessions, in the same breath in which they are told to be ready. */
async function startProxy(url: string): Promise<{ url: string; terminateNext(): void; close(): Promise<void> }> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isNext = false;
  const server = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const end of [socket, upstream]) {
      sockets.add(end);
      end.on('error', () => end.destroy());
      end.on('close', () => {
        socket.destroy();
        upstream.destroy();
      });
    }
    socket.pipe(upstream);
    upstream.on('data', (chunk: Buffer) => {
      const isReady = chunk.at(-6) === 'Z'.charCodeAt(0);
      if (!isReady || !isNext) {
        socket.write(chunk);
        return;
      }
      isNext = false;
      socket.end(Buffer.concat([chunk, terminated()]));
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
    terminateNext: () => {
      isNext = true;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

describePostgres('a connection that is ended in the moment it is made', (databases) => {
  test('is an error of the append, not the end of the process', async () => {
    const url = await databases.create();
    const proxy = await startProxy(url);
    const store = createPostgresStore({ url: proxy.url, wakeUp: 'poll' });
    proxy.terminateNext();
    await rejects(store.append('Note-1', [event]), { code: 'DATABASE_UNAVAILABLE' });
    strictEqual((await store.append('Note-1', [event])).streamVersion, 1);
    await store.close();
    await proxy.close();
  });

  test('is an error of the transaction, on a pool of your own', async () => {
    const url = await databases.create();
    const proxy = await startProxy(url);
    const pool = new Pool({ connectionString: proxy.url });
    pool.on('error', () => undefined);
    proxy.terminateNext();
    await rejects(
      withTransaction(pool, async () => undefined),
      { code: 'DATABASE_UNAVAILABLE' },
    );
    const store = createPostgresStore({ pool, wakeUp: 'poll' });
    await withTransaction(pool, (tx) => store.append('Note-1', [event], { tx }));
    await store.close();
    await pool.end();
    await proxy.close();
  });
});
