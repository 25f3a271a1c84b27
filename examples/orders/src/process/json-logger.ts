import type { Logger } from 'mink';

/** A line of JSON on stderr for each command and query; pino fits in its place as it is. */
export const jsonLogger: Logger = {
  info: (fields, message) => write('info', { message, ...fields }),
  warn: (fields, message) => write('warn', { message, ...fields }),
  error: (fields, message) => write('error', { message, ...fields }),
};

function write(level: keyof Logger, fields: object): void {
  console.error(JSON.stringify({ time: new Date(), level, ...fields }, errorAsText));
}

/** JSON has nothing of an error. */
function errorAsText(_name: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}
