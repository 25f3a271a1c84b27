import { DatabaseUnavailableError, type Middleware } from 'mink';
import { Pool } from 'pg';

/** Where the control keeps what it has done. */
export const NAIVE_TABLE = 'create table public.done (id text primary key, result json not null)';

/**
 * A control: one effect per id as it is found in many systems. It looks whether a command was done, does it, and writes
 * that down; between the three, somebody else may do the same, and the process may die.
 */
export function naiveIdempotency(url: string): Middleware & AsyncDisposable {
  const pool = new Pool({ connectionString: url, max: 5, connectionTimeoutMillis: 5_000 });
  pool.on('error', () => undefined);
  const ask = async (text: string, values: readonly unknown[]): Promise<readonly unknown[][]> => {
    try {
      const { rows } = await pool.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
      return rows;
    } catch (error) {
      throw new DatabaseUnavailableError('The table of the control cannot be reached.', { cause: error });
    }
  };
  const layer: Middleware = async (context, next) => {
    const { id } = context;
    const [known] = await ask('select result from public.done where id = $1', [id]);
    if (known !== undefined) return known[0];
    const result = await next(context);
    await ask('insert into public.done (id, result) values ($1, $2) on conflict do nothing', [
      id,
      JSON.stringify(result ?? null),
    ]);
    return result;
  };
  return Object.assign(layer, { [Symbol.asyncDispose]: () => pool.end() });
}
