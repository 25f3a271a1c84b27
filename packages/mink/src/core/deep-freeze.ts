const frozen = new WeakSet<object>();

const SMALL = 16;

/**
 * Freezes a value all the way down, and returns it: objects and arrays, and maps, sets and dates, whose changing methods
 * throw from then on. What was frozen here before is not walked again, unless it is small and holds no objects; an object
 * that its owner froze only on the surface is. Typed arrays cannot be frozen and are left as they are.
 */
export function deepFreeze<T>(value: T): T {
  // A stack of our own: state may be nested deeper than calls may be.
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== 'object' || next === null || frozen.has(next) || ArrayBuffer.isView(next)) continue;
    blockChanges(next);
    Object.freeze(next);
    const others = left.length;
    let size = 0;
    for (const item of contentsOf(next)) {
      size += 1;
      if (typeof item === 'object' && item !== null) left.push(item);
    }
    // To remember an object costs more than to look through a small one again.
    if (left.length > others || size > SMALL) frozen.add(next);
  }
  return value;
}

function contentsOf(value: object): readonly unknown[] {
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Set) return [...value];
  return Object.values(value);
}

const DATE_SETTERS = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set'));

/** What maps, sets and dates hold is not a property, so freezing does not reach it. */
function blockChanges(value: object): void {
  if (value instanceof Map) block(value, ['set', 'delete', 'clear']);
  else if (value instanceof Set) block(value, ['add', 'delete', 'clear']);
  else if (value instanceof Date) block(value, DATE_SETTERS);
}

function block(value: object, methods: readonly string[]): void {
  if (Object.isFrozen(value)) return;
  for (const method of methods) Object.defineProperty(value, method, { value: refuse });
}

function refuse(): never {
  throw new TypeError('Cannot change a frozen map, set or date');
}
