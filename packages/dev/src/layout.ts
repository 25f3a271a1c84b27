import { join } from 'node:path';

/** What lies where in a dataDir. The README documents it. */
export function layout(dataDir: string) {
  return {
    /** PostgreSQL's own data directory; complete as soon as it has this name. */
    cluster: join(dataDir, 'data'),
    /** Marks the directory as ours and remembers the port. */
    state: join(dataDir, 'mink-postgres.json'),
    lock: join(dataDir, 'lock'),
    log: join(dataDir, 'postgres.log'),
    previousLog: join(dataDir, 'postgres.previous.log'),
  };
}
