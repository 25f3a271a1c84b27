const frozen = new WeakSet<object>();

/**
 * Freezes plain objects and arrays, all the way down, and returns the same value. What was frozen here before is not
 * walked again; an object that its owner froze only on the surface is.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || frozen.has(value)) return value;
  if (!Array.isArray(value) && !isPlain(value)) return value;
  frozen.add(value);
  Object.freeze(value);
  for (const item of Object.values(value)) deepFreeze(item);
  return value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
