import { connect } from 'node:net';

/** What a server said to a connection attempt, and to a statement if one was sent. */
export type Answer =
  | { status: 'ok' }
  /** It answered with an error: a SQLSTATE such as 57P03 (still starting) or 3D000 (no such database). */
  | { status: 'refused'; sqlState: string }
  /** Nobody listens, or the connection broke or timed out. */
  | { status: 'unreachable' };

/**
 * Connects as `postgres` and runs one statement, in as much of PostgreSQL's protocol as that needs, so
 * that creating the database takes neither a client library nor psql (which npm's binaries lack).
 *
 * Source: https://www.postgresql.org/docs/18/protocol-message-formats.html
 */
export function ask(options: {
  port: number;
  database: string;
  statement?: string;
  timeoutMs: number;
}): Promise<Answer> {
  return new Promise((resolve) => {
    const { port, database, statement, timeoutMs } = options;
    const socket = connect({ host: '127.0.0.1', port });
    let received = Buffer.alloc(0);
    let sent = statement === undefined;
    let sqlState: string | undefined;
    const finish = () => {
      socket.destroy();
      resolve(sqlState === undefined ? { status: 'unreachable' } : { status: 'refused', sqlState });
    };
    socket.setTimeout(timeoutMs, finish);
    socket.on('error', finish);
    // After an error during startup the server closes; after one in a statement it is ready again.
    socket.on('close', finish);
    socket.on('connect', () => socket.write(startupMessage(database)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let message = takeMessage(received); message !== undefined; message = takeMessage(received)) {
        received = message.rest;
        if (message.type === 'E') sqlState = errorField(message.body, 'C') ?? 'XX000';
        if (message.type !== 'Z') continue;
        if (sqlState !== undefined) return finish();
        if (sent) {
          resolve({ status: 'ok' });
          return finish();
        }
        sent = true;
        socket.write(queryMessage(statement ?? ''));
      }
    });
  });
}

/** Quotes a name for use in a statement. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function startupMessage(database: string): Buffer {
  const version = Buffer.from([0, 3, 0, 0]);
  const parameters = Buffer.from(`user\0postgres\0database\0${database}\0client_encoding\0UTF8\0\0`);
  return withLength(Buffer.concat([version, parameters]));
}

function queryMessage(statement: string): Buffer {
  return Buffer.concat([Buffer.from('Q'), withLength(Buffer.from(`${statement}\0`))]);
}

function withLength(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([length, body]);
}

function takeMessage(bytes: Buffer): { type: string; body: Buffer; rest: Buffer<ArrayBuffer> } | undefined {
  if (bytes.length < 5) return undefined;
  const end = 1 + bytes.readInt32BE(1);
  if (bytes.length < end) return undefined;
  return {
    type: bytes.toString('latin1', 0, 1),
    body: bytes.subarray(5, end),
    rest: Buffer.from(bytes.subarray(end)),
  };
}

function errorField(body: Buffer, field: string): string | undefined {
  return body
    .toString('utf8')
    .split('\0')
    .find((part) => part.startsWith(field))
    ?.slice(1);
}
