import { InlineRows, type InlineKey, type Lease } from '../core/index.ts';
import type { KeptProjection } from './kept-projection.ts';
import type { ReadModels } from './read-models.ts';

/** Takes a projection from workers, for good. Gives back what has still to be applied to each of its partitions. */
export function makeInline(kept: KeptProjection): readonly Lease[] {
  kept.isInline = true;
  return kept.partitions.map((partition): Lease => {
    Object.assign(partition, { epoch: partition.epoch + 1, owner: undefined, state: 'working', error: undefined });
    partition.holdAt = undefined;
    const { from, to, epoch, position } = partition;
    return { ...kept.id, partition: { from, to }, epoch, position, holdAt: undefined };
  });
}

/** Keeps where a projection became inline: all of its partitions have applied what was there before, and nothing that comes now. */
export function settleInline(kept: KeptProjection | undefined, position: number): void {
  for (const partition of kept?.partitions ?? []) partition.position = position;
}

/** Gives a projection back to workers, who go on after a position; undefined leaves it where it was. */
export function makeAsync(kept: KeptProjection | undefined, position: number | undefined): void {
  if (kept?.isInline !== true) return;
  kept.isInline = false;
  const before = Math.min(...kept.partitions.map((partition) => partition.position));
  if (position !== undefined && position > before) kept.inlineRanges.push({ from: before + 1, to: position });
  for (const partition of kept.partitions) {
    Object.assign(partition, { epoch: partition.epoch + 1, position: position ?? partition.position });
    partition.holdAt = undefined;
  }
}

/** Rows of inline projections, as an append finds them. */
export function inlineRows(readModels: ReadModels, keys: readonly InlineKey[]): InlineRows {
  const rows = new InlineRows();
  for (const projection of new Set(keys.map((wanted) => wanted.projection))) {
    const stored = readModels.find(projection)?.rows;
    const own = keys.filter((wanted) => wanted.projection === projection);
    rows.load(
      projection,
      own.flatMap(({ key }) => stored?.get(key) ?? []),
    );
  }
  return rows;
}

/** Keeps rows as an append has changed them. */
export function writeInlineRows(readModels: ReadModels, rows: InlineRows): void {
  for (const [projection, writes] of rows.writes()) {
    const stored = readModels.find(projection)?.rows;
    for (const { key, row, position } of writes) {
      if (row === null) stored?.delete(key);
      else stored?.set(key, { key, row, position, isStale: stored.get(key)?.isStale ?? false });
    }
  }
}
