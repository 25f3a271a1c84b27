import type { Rebuilt } from '../read-models/rebuild.ts';
import type { VerifiedReadModel } from '../read-models/verify.ts';
import { counted } from './answers.ts';
import { numeric, table, wholeNumber } from './table.ts';

const REBUILT = ['read model', numeric('events'), numeric('rows'), numeric('seconds'), numeric('events/s'), ''];
const VERIFIED = ['read model', numeric('events'), numeric('applied'), ''];

/** What a rebuild did, as a table. */
export function rebuiltText({ readModels, before }: Rebuilt, peakMemoryMegabytes: number): string {
  const rows = readModels.map(({ name, events, rows: count, seconds, eventsPerSecond, parkedKeys, error }) => {
    const parked = parkedKeys === 0 ? '' : counted(parkedKeys, 'parked key');
    return [name, events, count, seconds.toFixed(2), eventsPerSecond, error ?? parked];
  });
  const earlier =
    before === 0 ? '' : `${counted(before, 'read model')} had been rebuilt when the last run was stopped.\n`;
  return `${table(REBUILT, rows)}Peak memory ${wholeNumber(peakMemoryMegabytes)} MB\n${earlier}`;
}

/** What a verification has found, as a table. */
export function verifiedText(verified: readonly VerifiedReadModel[]): string {
  const rows = verified.map((one) => [one.name, one.events, one.pairs, verdict(one)]);
  return `Every event exactly once?\n${table(VERIFIED, rows)}`;
}

function verdict({ ok, first, parked }: VerifiedReadModel): string {
  const waiting = parked === 0 ? '' : `, ${wholeNumber(parked)} wait among the dead letters`;
  if (ok || first === undefined) return `yes${waiting}`;
  return `no: ${wholeNumber(first.pairs)} ${first.kind} at position ${first.position ?? `${first.from} to ${first.to}`}`;
}
