import type { SealedEntry } from './seal-chain.ts';

/** Something that is not what it was. */
export interface SealFinding {
  /** What is wrong: an event, what is kept of it, or what somebody has brought. */
  readonly of: 'event' | 'seal' | 'receipt';
  /** Where it is in the log. */
  readonly position: number;
  readonly subject: string;
  readonly detail: string;
}

/** Which events of a block are not what they were at a time, in the order of their positions. */
export function compareSealed(
  sealed: readonly SealedEntry[],
  events: readonly SealedEntry[],
  sealedAt: string,
): readonly SealFinding[] {
  const before = new Map(sealed.map((entry) => [entry.position, entry]));
  const after = new Map(events.map((event) => [event.position, event]));
  const positions = [...new Set([...before.keys(), ...after.keys()])].toSorted((one, other) => one - other);
  return positions.flatMap((position) => {
    const what = differenceOf(before.get(position), after.get(position));
    return what === undefined ? [] : [{ of: 'event', position, ...what, detail: `${what.detail}, since ${sealedAt}` }];
  });
}

function differenceOf(
  was: SealedEntry | undefined,
  is: SealedEntry | undefined,
): Pick<SealFinding, 'subject' | 'detail'> | undefined {
  if (was === undefined) return is && { subject: is.streamName, detail: `${nameOf(is)} was added` };
  if (is === undefined) return { subject: was.streamName, detail: `${nameOf(was)} was removed` };
  if (was.mark === is.mark) return undefined;
  const isSame = was.streamName === is.streamName && was.streamVersion === is.streamVersion;
  const instead = isSame ? '' : `: version ${is.streamVersion} of "${is.streamName}" is in its place`;
  return { subject: was.streamName, detail: `${nameOf(was)} was changed${instead}` };
}

function nameOf({ position, streamVersion }: SealedEntry): string {
  return `version ${streamVersion} (position ${position})`;
}
