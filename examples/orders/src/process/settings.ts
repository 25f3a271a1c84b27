import { StartError } from './start-error.ts';

const DEFAULT_PORT = 3000;

export interface Settings {
  /** 0 takes a free one. */
  readonly port: number;
  /** Undefined for a PostgreSQL of our own. */
  readonly databaseUrl: string | undefined;
}

/** Reads the environment: `PORT` and `DATABASE_URL`. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const { PORT = '', DATABASE_URL = '' } = environment;
  const port = PORT === '' ? DEFAULT_PORT : Number(PORT);
  if (!/^\d*$/.test(PORT) || port > 65_535) throw new StartError(`PORT is "${PORT}", use a number from 0 to 65535.`);
  return { port, databaseUrl: DATABASE_URL === '' ? undefined : DATABASE_URL };
}
