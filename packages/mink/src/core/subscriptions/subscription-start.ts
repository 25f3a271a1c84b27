import { InvalidArgumentError } from '../errors.ts';
import type { AnyProjection } from '../projections/define-sql-projection.ts';
import type { Beginning } from '../projections/projection-storage.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { lastVisible } from '../store/read-pages.ts';
import { checkStart, type SubscriptionStart } from './define-subscription.ts';

/** The position that a subscription begins behind. From the end, it gets at least what is appended from now on. */
export async function startPosition(storage: EventStorage, from: SubscriptionStart): Promise<number> {
  const start = checkStart(from);
  if (start === 'start') return 0;
  if (start === 'end') return lastVisible(storage);
  const { head } = await storage.readBound();
  if (start <= head) return start;
  throw new InvalidArgumentError('from', `${start} is beyond the end of the log, which is ${head}`);
}

/** What is stored of a definition when it is started for the first time. */
export async function beginningOf(storage: EventStorage, definition: AnyProjection): Promise<Beginning> {
  if (definition.kind !== 'subscription') return { kind: 'projection', from: 0 };
  return { kind: 'subscription', from: await startPosition(storage, definition.from) };
}
