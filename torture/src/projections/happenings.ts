import { defineEvents, payload } from 'mink';

/** What each event says. */
export interface Happening {
  readonly amount: number;
  readonly tags: readonly string[];
  /** What handlers have against it; undefined for almost all. */
  readonly trouble?: Trouble | undefined;
}

/** Why a handler fails. */
export interface Trouble {
  /** The projection that has it. */
  readonly projection: string;
  /** It is over when the cure is at this level. */
  readonly cure: number;
  /** Or after so many tries in one process. */
  readonly tries: number;
  /** Whether there is no point in trying again. */
  readonly isPermanent: boolean;
}

export const happenings = defineEvents({
  Counted: payload<Happening>(),
  Rare: payload<Happening>(),
  Closed: payload<Happening>(),
  Noise: payload<Happening>(),
});
