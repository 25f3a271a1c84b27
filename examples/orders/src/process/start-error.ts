import { MinkDevError, PostgresAlreadyRunningError } from '@mink/dev';
import { MinkError } from 'mink';

/** The service cannot start, for a reason that its user can do something about: the message says what. */
export class StartError extends Error {}

/** What to print when the service did not start, or had to end: one line where the reason is known, else the stack. */
export function describeFailure(error: unknown): string {
  if (error instanceof PostgresAlreadyRunningError) return describeRunning(error);
  if (error instanceof StartError || error instanceof MinkDevError || error instanceof MinkError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function describeRunning({ ownerPid, pid, dataDir }: PostgresAlreadyRunningError): string {
  const running = ownerPid ?? pid;
  return (
    `The order service is running already in this folder (process ${running}, data in ${dataDir}). ` +
    `Use that one, or stop it with Ctrl-C or "kill ${running}".`
  );
}
