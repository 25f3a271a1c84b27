import type { Logger } from 'mink';
import { jsonLogger } from './json-logger.ts';
import { StartError } from './start-error.ts';

const DEFAULT_PORT = 3000;

export interface Settings {
  /** 0 takes a free one. */
  readonly port: number;
  /** Undefined for a PostgreSQL of our own. */
  readonly databaseUrl: string | undefined;
  /** Undefined for none. */
  readonly logger: Logger | undefined;
}

/** Reads the environment: `PORT`, `DATABASE_URL` and `LOG`. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const { PORT = '', DATABASE_URL = '', LOG = '' } = environment;
  const port = PORT === '' ? DEFAULT_PORT : Number(PORT);
  if (!/^\d*$/.test(PORT) || port > 65_535) throw new StartError(`PORT is "${PORT}", use a number from 0 to 65535.`);
  if (!['', 'json'].includes(LOG)) throw new StartError(`LOG is "${LOG}", use json, or leave it out.`);
  return {
    port,
    databaseUrl: DATABASE_URL === '' ? undefined : DATABASE_URL,
    logger: LOG === 'json' ? jsonLogger : undefined,
  };
}
