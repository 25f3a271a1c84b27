import { randomBytes } from 'node:crypto';
import type { User } from '../api-types.ts';

/** Somebody who has signed in. */
export interface SignedIn {
  readonly user: User;
  /** Stays the same while the id in the cookie changes. */
  readonly family: string;
  /** The id that the cookie is to have from now on; undefined where it stays. */
  readonly newId: string | undefined;
}

interface Kept {
  readonly user: User;
  readonly family: string;
  /** However much it is used. */
  readonly endsAt: number;
  usedAt: number;
  rotatesAt: number;
  /** Of one that has been replaced: answers to requests that were under way then. */
  replacedBy: string | undefined;
}

const MINUTE = 60_000;
const LIFETIME = 8 * 60 * MINUTE;
const IDLE = 60 * MINUTE;
const ROTATION = 15 * MINUTE;
const GRACE = MINUTE;
const MOST = 1_000;

/**
 * Sessions of this process, in memory: they end after eight hours, an hour without use, signing out, or a restart. Their ids are
 * replaced every quarter of an hour; an old one works for a minute more.
 */
export class Sessions {
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Begins a session, and gives back its id. */
  begin(user: User): { readonly id: string; readonly family: string } {
    const family = randomId();
    return { id: this.#add(user, family, this.#now() + LIFETIME), family };
  }

  /** Whose session it is, if it has not ended. */
  find(id: string): SignedIn | undefined {
    const kept = this.#kept.get(id);
    const now = this.#now();
    if (kept === undefined) return undefined;
    if (hasEnded(kept, now)) {
      this.#kept.delete(id);
      return undefined;
    }
    const { user, family } = kept;
    if (kept.replacedBy !== undefined) return { user, family, newId: kept.replacedBy };
    kept.usedAt = now;
    if (now < kept.rotatesAt) return { user, family, newId: undefined };
    kept.rotatesAt = now;
    kept.replacedBy = this.#add(user, family, kept.endsAt);
    return { user, family, newId: kept.replacedBy };
  }

  /** Whether a session goes on. Counts as use of it, and leaves its id: for answers that have begun, and can set no cookie. */
  isOpen(family: string): boolean {
    const now = this.#now();
    for (const kept of this.#kept.values()) {
      if (kept.family !== family || kept.replacedBy !== undefined || hasEnded(kept, now)) continue;
      kept.usedAt = now;
      return true;
    }
    return false;
  }

  /** Ends a session, whatever ids it has had. */
  end(family: string): void {
    for (const [id, kept] of this.#kept) if (kept.family === family) this.#kept.delete(id);
  }

  #add(user: User, family: string, endsAt: number): string {
    const now = this.#now();
    if (this.#kept.size >= MOST) this.#makeRoom();
    const id = randomId();
    this.#kept.set(id, { user, family, endsAt, usedAt: now, rotatesAt: now + ROTATION, replacedBy: undefined });
    return id;
  }

  /** Those that have ended go, then the oldest. */
  #makeRoom(): void {
    const now = this.#now();
    for (const [id, kept] of this.#kept) if (hasEnded(kept, now)) this.#kept.delete(id);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MOST && oldest !== undefined) this.#kept.delete(oldest);
  }
}

function hasEnded({ endsAt, usedAt, rotatesAt, replacedBy }: Kept, now: number): boolean {
  if (now >= endsAt || now >= usedAt + IDLE) return true;
  return replacedBy !== undefined && now >= rotatesAt + GRACE;
}

function randomId(): string {
  return randomBytes(32).toString('base64url');
}
