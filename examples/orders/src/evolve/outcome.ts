import type { Verification } from 'mink';
import type { Latencies, Measurements, Phase } from './measurements.ts';

/** A step of the walk, and how long it took, in milliseconds. */
export interface Step {
  readonly name: string;
  readonly duration: number;
}

/** What was found of one version of a projection. */
export interface VerifiedVersion extends Pick<Verification, 'ok' | 'events' | 'parked'> {
  readonly name: string;
}

/** Rows of one version, beside what the whole log makes when it is applied again. */
export interface VerifiedRows {
  readonly name: string;
  readonly ok: boolean;
  readonly rows: number;
}

/** Something that has to be so. */
export interface Guarantee {
  readonly name: string;
  readonly ok: boolean;
}

/** What came of the walk. */
export interface Outcome {
  readonly ok: boolean;
  readonly guarantees: readonly Guarantee[];
  readonly requests: { readonly sent: number; readonly failed: number };
  readonly ownReads: { readonly sent: number; readonly missed: number };
  readonly orders: number;
  readonly verified: readonly VerifiedVersion[];
  readonly rows: readonly VerifiedRows[];
  readonly served: Readonly<Record<string, number>>;
  readonly steps: readonly Step[];
  readonly latencies: Readonly<Record<Phase, Latencies>>;
  readonly problems: readonly string[];
}

/** Puts together what was measured, and judges it. */
export function toOutcome(
  measurements: Measurements,
  found: Pick<Outcome, 'orders' | 'verified' | 'rows' | 'steps'>,
): Outcome {
  const { sent, failed, ownReads, missed, problems } = measurements;
  const { verified, rows } = found;
  const guarantees = [
    { name: 'no request failed', ok: sent > 0 && failed === 0 },
    { name: 'no read missed its own write', ok: ownReads > 0 && missed === 0 },
    { name: 'every version has applied every event once', ok: verified.every(({ ok, parked }) => ok && parked === 0) },
    { name: 'every row is what a replay of the log makes', ok: rows.every(({ ok }) => ok) },
  ];
  return {
    ok: guarantees.every(({ ok }) => ok),
    guarantees,
    requests: { sent, failed },
    ownReads: { sent: ownReads, missed },
    ...found,
    served: Object.fromEntries(measurements.served),
    latencies: {
      before: measurements.latencies('before'),
      during: measurements.latencies('during'),
      after: measurements.latencies('after'),
    },
    problems,
  };
}

/** The outcome as tables for people. */
export function outcomeText(outcome: Outcome): string {
  const { requests, ownReads, verified, rows, steps, latencies, served, guarantees, problems } = outcome;
  const lines = [
    `requests             ${number(requests.sent)} sent, ${number(requests.failed)} failed`,
    `reads of own writes  ${number(ownReads.sent)} sent, ${number(ownReads.missed)} missed`,
    ...verified.map(
      ({ name, ok, events }) => `${name.padEnd(20)} ${number(events)} events, ${ok ? 'each once' : 'WRONG'}`,
    ),
    ...rows.map(
      ({ name, rows, ok }) => `${name.padEnd(20)} ${number(rows)} rows, ${ok ? 'as a replay makes them' : 'WRONG'}`,
    ),
    '',
    'lists that were served by',
    ...Object.entries(served).map(([by, times]) => `  ${by.padEnd(18)} ${number(times)}`),
    '',
    'the switch     requests      p50      p99',
    ...Object.entries(latencies).map(([phase, { requests, p50, p99 }]) => {
      return `  ${phase.padEnd(11)} ${number(requests).padStart(9)} ${milliseconds(p50)} ${milliseconds(p99)}`;
    }),
    '',
    'step                      took',
    ...steps.map(({ name, duration }) => `  ${name.padEnd(18)} ${(duration / 1_000).toFixed(1).padStart(6)} s`),
    '',
    ...guarantees.map(({ name, ok }) => `${ok ? 'ok' : 'BROKEN'}: ${name}`),
    ...problems.map((problem) => `  ${problem}`),
  ];
  return `${lines.join('\n')}\n`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`.padStart(8);
}
