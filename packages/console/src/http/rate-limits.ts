import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { Refusal } from './problem.ts';

/** How much may be asked for. */
export interface Limits {
  /**
   * Requests of a minute, by user and address.
   * @defaultValue 1_200
   */
  readonly requests: number;
  /**
   * Actions of a minute, by user.
   * @defaultValue 60
   */
  readonly actions: number;
  /**
   * Tokens that an address may try in a minute, right ones included; all addresses together ten times as many.
   * @defaultValue 10
   */
  readonly signIns: number;
  /**
   * Live views that a user may have open; all users together ten times as many.
   * @defaultValue 16
   */
  readonly streams: number;
}

export const DEFAULT_LIMITS: Limits = { requests: 1_200, actions: 60, signIns: 10, streams: 16 };
const MINUTE = 60;
const ALL = 'all';
const TOGETHER = 10;

/** Counts what users and addresses ask for, in this process. */
export class RateLimits {
  readonly #requests: RateLimiterMemory;
  readonly #actions: RateLimiterMemory;
  readonly #signIns: RateLimiterMemory;
  readonly #allSignIns: RateLimiterMemory;
  readonly #streams = new Map<string, number>();
  readonly #mostStreams: number;
  #openStreams = 0;

  constructor({ requests, actions, signIns, streams }: Limits) {
    this.#requests = new RateLimiterMemory({ points: requests, duration: MINUTE });
    this.#actions = new RateLimiterMemory({ points: actions, duration: MINUTE });
    this.#signIns = new RateLimiterMemory({ points: signIns, duration: MINUTE });
    this.#allSignIns = new RateLimiterMemory({ points: signIns * TOGETHER, duration: MINUTE });
    this.#mostStreams = streams;
  }

  /** One more request. Throws a {@link Refusal} where it is one too many. */
  request(who: string): Promise<void> {
    return take(this.#requests, who);
  }

  action(user: string): Promise<void> {
    return take(this.#actions, user);
  }

  async signIn(address: string): Promise<void> {
    await take(this.#signIns, address);
    await take(this.#allSignIns, ALL);
  }

  /** One more live view; what it gives back ends it. */
  openStream(user: string): () => void {
    const own = this.#streams.get(user) ?? 0;
    if (own >= this.#mostStreams || this.#openStreams >= this.#mostStreams * TOGETHER) throw tooMany(5);
    this.#streams.set(user, own + 1);
    this.#openStreams += 1;
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#openStreams -= 1;
      const left = (this.#streams.get(user) ?? 1) - 1;
      if (left === 0) this.#streams.delete(user);
      else this.#streams.set(user, left);
    };
  }
}

async function take(limiter: RateLimiterMemory, who: string): Promise<void> {
  try {
    await limiter.consume(who);
  } catch (error) {
    if (error instanceof RateLimiterRes) throw tooMany(Math.ceil(error.msBeforeNext / 1_000));
    throw error;
  }
}

function tooMany(seconds: number): Refusal {
  const wait = Math.max(1, seconds);
  const headers = { 'retry-after': String(wait) };
  return new Refusal(429, 'TOO_MANY_REQUESTS', `Too many requests. Wait ${wait} seconds.`, { headers });
}
