import type { Middleware } from './message-context.ts';

const names = new WeakMap<Middleware, string>();

/** A layer of mink's own, which can be told by its name. */
export function named(name: string, layer: Middleware): Middleware {
  names.set(layer, name);
  return layer;
}

/** What a layer is: its name, or `own` for one that somebody else has written. */
export function nameOf(layer: Middleware): string {
  return names.get(layer) ?? 'own';
}
