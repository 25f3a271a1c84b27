import type { Condition, JsonValue, Order, RowQuery, StoredRow } from '../core/index.ts';
import { compareCodePoints } from './log-index.ts';

/** One page of some rows, by the rules of PostgreSQL. */
export function findRows(rows: Iterable<StoredRow>, { where, order, after, limit }: RowQuery): readonly StoredRow[] {
  return [...rows]
    .filter((row) => matches(row, where))
    .filter((row) => after === undefined || compareAll(order, valuesOf(order, row), after) > 0)
    .toSorted((left, right) => compareAll(order, valuesOf(order, left), valuesOf(order, right)))
    .slice(0, limit);
}

/** Whether all conditions hold. */
export function matches({ row }: StoredRow, where: readonly Condition[]): boolean {
  return where.every(({ column, operator, value }) => {
    const own = row[column.name] ?? null;
    if (operator === 'eq') return own === value;
    if (operator === 'ne') return own !== value;
    if (own === null) return false;
    switch (operator) {
      case 'gt':
        return compare(own, value) > 0;
      case 'gte':
        return compare(own, value) >= 0;
      case 'lt':
        return compare(own, value) < 0;
      case 'lte':
        return compare(own, value) <= 0;
      case 'in':
        return Array.isArray(value) && value.includes(own);
      case 'startsWith':
        return typeof own === 'string' && typeof value === 'string' && own.startsWith(value);
    }
  });
}

function valuesOf(order: readonly Order[], { row }: StoredRow): readonly JsonValue[] {
  return order.map(({ column }) => row[column.name] ?? null);
}

function compareAll(order: readonly Order[], left: readonly JsonValue[], right: readonly JsonValue[]): number {
  for (const [index, { direction }] of order.entries()) {
    const difference = compareNulls(left[index] ?? null, right[index] ?? null);
    if (difference !== 0) return direction === 'asc' ? difference : -difference;
  }
  return 0;
}

/** Null is above everything. */
function compareNulls(left: JsonValue, right: JsonValue): number {
  if (left === null || right === null) return Number(left === null) - Number(right === null);
  return compare(left, right);
}

function compare(left: JsonValue, right: JsonValue): number {
  if (typeof left === 'string' && typeof right === 'string') return compareCodePoints(left, right);
  return Number(left) - Number(right);
}
