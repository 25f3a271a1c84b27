import { findSystemPostgres } from '@mink/dev';
import { UsageError } from '../errors.ts';

/** Where PostgreSQL's programs are; undefined takes those of npm. */
export async function findBinDir(which: 'npm' | 'system'): Promise<string | undefined> {
  if (which === 'npm') return undefined;
  const system = await findSystemPostgres();
  if (system === undefined) throw new UsageError('--postgres system: no PostgreSQL is installed (pg_config --bindir)');
  return system.binDir;
}
