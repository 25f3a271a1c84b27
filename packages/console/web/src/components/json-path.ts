/** Paths as the changes of states name them: `items[2].price`, `lines["a b"]`. */
export function childPath(parent: string, key: string | number): string {
  if (typeof key === 'number') return `${parent}[${key}]`;
  if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** Whether a path names something inside of another, or that itself. */
export const isWithin = (path: string, parent: string): boolean =>
  parent === '' || path === parent || path.startsWith(`${parent}.`) || path.startsWith(`${parent}[`);
