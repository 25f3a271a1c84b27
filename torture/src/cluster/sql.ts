import { Client } from 'pg';
import { pause } from '../waiting.ts';

/** A row, column by column. */
export type Row = readonly unknown[];

/** An open connection that survives being cut: its queries fail, the process does not. */
export async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Closes a connection that may be broken, or hang, already. */
export async function disconnect(client: Client): Promise<void> {
  await Promise.race([client.end().catch(() => undefined), pause(2_000)]);
}

export async function query(client: Client, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
  const { rows } = await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
  return rows;
}

/** Runs one statement on a connection of its own. */
export async function runSql(url: string, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
  const client = await connect(url);
  try {
    return await query(client, text, values);
  } finally {
    await disconnect(client);
  }
}

/** The same for a statement that may be run twice, on a server that may be starting just now. */
export async function retrySql(url: string, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      return await runSql(url, text, values);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(50);
    }
  }
}
