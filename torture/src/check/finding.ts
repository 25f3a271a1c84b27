/**
 * - `lost`: acknowledged or committed, but not in the log, or not delivered to a reader
 * - `repeated`: in the log twice, or delivered twice
 * - `phantom`: in the log or delivered, though nobody appended it, or its append was refused
 * - `torn`: a part of an append without the rest
 * - `two_winners`: two appends that won the same version
 * - `gap`: a version is missing in a stream
 * - `order`: positions contradict the order inside a stream, or an expectation that was met
 * - `answer`: what a writer was told is not what is stored
 * - `unwanted`: a reader was given what its filter excludes
 * - `stuck`: readers are held by nobody, or for longer than anybody may hold them
 * - `holder`: a value of a unique set belongs to two streams, or to another one than the events say
 * - `unexpected`: an error that is not documented
 */
export type FindingKind =
  | 'lost'
  | 'repeated'
  | 'phantom'
  | 'torn'
  | 'two_winners'
  | 'gap'
  | 'order'
  | 'answer'
  | 'unwanted'
  | 'stuck'
  | 'holder'
  | 'unexpected';

/** One thing that must not be, and where. */
export interface Finding {
  readonly kind: FindingKind;
  readonly message: string;
  readonly eventId?: string;
  readonly position?: number;
  readonly streamName?: string;
  readonly attempt?: string;
  readonly reader?: string;
}
