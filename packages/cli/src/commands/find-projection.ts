import { UsageError } from '../errors.ts';
import type { ReadableStore } from '../readable-store.ts';

/** The one of this name, and of this version if one is given; `option` is how the command is told which. */
export async function findProjection(
  store: Pick<ReadableStore, 'projections'>,
  name: string,
  version: number | undefined,
  option: '--of' | '--to' = '--of',
): Promise<{ readonly name: string; readonly version: number }> {
  const all = await store.projections.list();
  const found = all.filter((it) => it.name === name && (version === undefined || it.version === version));
  const [only, another] = found;
  if (only === undefined) {
    const known = all.map((it) => `${it.name} version ${it.version}`).join(', ');
    throw new UsageError(`There is no such projection, only: ${known === '' ? 'none' : known}.`);
  }
  if (another !== undefined) {
    const versions = found.map((it) => it.version).join(', ');
    throw new UsageError(`"${name}" has the versions ${versions}. Say which one: ${option} ${only.version}.`);
  }
  return { name, version: only.version };
}
