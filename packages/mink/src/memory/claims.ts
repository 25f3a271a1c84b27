import { wantedValues, type AppendCommandEntry } from '../core/index.ts';

interface Claim {
  readonly streamName: string;
  readonly isHeld: boolean;
  readonly isForever: boolean;
}

/** A value that another stream holds. */
export interface Taken {
  readonly streamName: string;
  readonly set: string;
  readonly value: string;
  readonly heldBy: string;
}

/** Which stream holds which value of a unique set. */
export class Claims {
  readonly #sets = new Map<string, Map<string, Claim>>();
  /** The values of a set that a stream holds. */
  readonly #held = new Map<string, readonly string[]>();

  /** The stream that holds a value. */
  holderOf(set: string, value: string): string | undefined {
    const claim = this.#sets.get(set)?.get(value);
    return claim?.isHeld === true ? claim.streamName : undefined;
  }

  /** The first value of these entries that another stream holds, and does not give up with them. */
  findTaken(entries: readonly AppendCommandEntry[]): Taken | undefined {
    for (const { streamName, holds = [] } of entries) {
      for (const wanted of holds) {
        const { set } = wanted;
        for (const value of wantedValues(wanted)) {
          const claim = this.#sets.get(set)?.get(value);
          if (claim === undefined || claim.streamName === streamName) continue;
          if (claim.isForever) return { streamName, set, value, heldBy: claim.streamName };
          const holder = entries.find((entry) => entry.streamName === claim.streamName);
          if (holder?.holds?.some((hold) => hold.set === set) === true) continue;
          return { streamName, set, value, heldBy: claim.streamName };
        }
      }
    }
    return undefined;
  }

  /** Each stream holds what its entry says, and nothing else of those sets. */
  apply(entries: readonly AppendCommandEntry[]): void {
    for (const { streamName, holds = [] } of entries) {
      for (const { set } of holds) this.#giveUp(set, streamName);
    }
    for (const { streamName, holds = [] } of entries) {
      for (const { set, values, isForever, givenUp = [] } of holds) {
        this.#held.set(`${streamName}\0${set}`, values);
        const claims = this.#claimsOf(set);
        for (const value of values) {
          const before = claims.get(value);
          claims.set(value, { streamName, isHeld: true, isForever: isForever || before?.isForever === true });
        }
        for (const value of givenUp) claims.set(value, { streamName, isHeld: false, isForever: true });
      }
    }
  }

  #giveUp(set: string, streamName: string): void {
    const claims = this.#claimsOf(set);
    for (const value of this.#held.get(`${streamName}\0${set}`) ?? []) {
      const claim = claims.get(value);
      if (claim?.isForever === true) claims.set(value, { ...claim, isHeld: false });
      else claims.delete(value);
    }
  }

  #claimsOf(set: string): Map<string, Claim> {
    let claims = this.#sets.get(set);
    if (claims === undefined) this.#sets.set(set, (claims = new Map()));
    return claims;
  }
}
