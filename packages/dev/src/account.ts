import { stat } from 'node:fs/promises';

import { errorCode } from './error-code.ts';
import { layout } from './layout.ts';

/** The account PostgreSQL runs as when this process is root, which PostgreSQL refuses to run as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

// Accounts that exist everywhere under these numbers: `nobody`, and on macOS, where that one is -2, `daemon`.
const powerless: Account = process.platform === 'darwin' ? { uid: 1, gid: 1 } : { uid: 65_534, gid: 65_534 };

/**
 * Undefined for an ordinary user, who runs PostgreSQL as himself. For root, the owner of the existing
 * cluster, so that a user's own data stays usable for that user; a powerless account for a new one.
 */
export async function serverAccount(dataDir: string): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  try {
    const { uid, gid } = await stat(layout(dataDir).cluster);
    return uid === 0 ? powerless : { uid, gid };
  } catch (error) {
    // Not there yet, or no directory, which claiming it refuses with a better message.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return powerless;
    throw error;
  }
}
