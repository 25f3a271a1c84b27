import type { Observer } from './observer.ts';

const roles = new WeakMap<Observer, readonly string[]>();

/** Remembers what an observer does, so that a process can say so: `metrics` or `log`. */
export function inRole(all: readonly string[], observer: Observer): Observer {
  roles.set(observer, all);
  return observer;
}

/** What an observer does; `own` for one that somebody else has written. */
export function rolesOf(observer: Observer): readonly string[] {
  return roles.get(observer) ?? ['own'];
}

/** Whom an observer of several tells. */
const parts = new WeakMap<Observer, readonly Observer[]>();

/** Remembers whom an observer of several tells. */
export function inParts(all: readonly Observer[], observer: Observer): Observer {
  parts.set(observer, all);
  return observer;
}

/** Whether an observer tells another one, or is it. */
export function tells(observer: Observer, other: Observer): boolean {
  return observer === other || (parts.get(observer) ?? []).some((part) => tells(part, other));
}
