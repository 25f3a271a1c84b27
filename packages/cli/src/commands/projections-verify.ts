import type { Command } from 'commander';
import type { Verification, VerifyProgress } from 'mink';
import { buildProgress, positionText } from '../build-progress.ts';
import { verifiedText } from '../comparison-text.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withProjections } from '../database.ts';
import { AppliedWrongError, RowsWrongError, UsageError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { wholeFrom } from '../option-values.ts';
import { progressOf } from '../progress.ts';
import { withVersions } from '../versions.ts';
import { findProjection } from './find-projection.ts';

interface VerifyOptions extends GlobalOptions {
  readonly of?: number | undefined;
  readonly deep?: boolean | undefined;
  readonly rate?: number | undefined;
  readonly batch?: number | undefined;
  readonly samples?: number | undefined;
  readonly sample?: number | undefined;
  readonly seed?: number | undefined;
  readonly timeout: number;
}

const MILLISECONDS = 1_000;

/** The proof of what was applied, and with `--deep` of the rows themselves. */
export function addProjectionsVerifyCommand(group: Command, context: Context): void {
  group
    .command('verify')
    .description('prove that every event was applied once, waits, or was given up; with --deep, prove the rows')
    .argument('<name>', 'name of the projection; needs "projections" of the config file')
    .option('--of <version>', 'its version, where it has more than one', wholeFrom(1))
    .option('--deep', 'apply the whole log again, beside it, and compare the rows')
    .option('--rate <number>', 'with --deep: events of a second, at most', wholeFrom(1))
    .option('--batch <number>', 'with --deep: events that are stored together, at most', wholeFrom(1))
    .option('--samples <number>', 'with --deep: rows that are shown', wholeFrom(0), 10)
    .option('--sample <number>', 'with --deep: compare one key in so many', wholeFrom(1))
    .option('--seed <number>', 'with --sample: which keys', wholeFrom(0))
    .option('--timeout <seconds>', 'with --deep: how long comparing may take', wholeFrom(1), 60)
    .action((name: string, _options, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      return options.deep === true ? verifyRows(context, options, name) : verifyApplied(context, options, name);
    });
}

async function verifyApplied(context: Context, options: VerifyOptions, name: string): Promise<void> {
  const { stdout, signal } = context;
  await withProjections(context, options, async (store, projections) => {
    const id = await interruptible(findProjection(store, name, options.of), signal);
    const projection = projections.find((it) => it.name === id.name && it.version === id.version);
    if (projection === undefined) throw noCode(id);
    const all = await interruptible(store.projections.list(), signal);
    const isInline = all.some((it) => it.name === id.name && it.version === id.version && it.state === 'inline');
    const onProgress = progressOf(context, options, (progress: VerifyProgress) => `${name} ${positionText(progress)}`);
    const found = await interruptible(store.projections.verify(projection, { signal, onProgress }), signal);
    if (options.json === true) await stdout.line(jsonText({ ...id, ...found, isInline }));
    else await stdout.line(`${id.name} version ${id.version}: ${verdict(found)}${isInline ? ONLY_DEEP : ''}`);
    if (!found.ok) throw new AppliedWrongError(id.name);
  });
}

/** Appends keep no sums of what they apply. */
const ONLY_DEEP = '; it is inline now, and what appends make of it can only be proven with --deep';

function verdict({ events, pairs, parked, discarded, inline, first }: Verification): string {
  if (first === undefined) {
    return `${counted(events, 'event')}, applied ${pairs} times as they should, ${parked} parked, ${discarded} discarded${inline === 0 ? '' : `, ${inline} stored inline`}`;
  }
  const { kind, position, from, to } = first;
  const where = position === undefined ? `between position ${from} and ${to}` : `at position ${position}`;
  if (kind === 'unknown') return `wrong ${where}`;
  return `${first.pairs} ${kind}, the first ${where}`;
}

async function verifyRows(context: Context, options: VerifyOptions, name: string): Promise<void> {
  const { stdout, signal } = context;
  const { rate, batch: batchSize, samples, sample, seed, timeout } = options;
  await withVersions(context, options, async ({ store, versions, projections }) => {
    const id = await interruptible(findProjection(store, name, options.of), signal);
    if (!projections.some((it) => it.name === id.name && it.version === id.version)) throw noCode(id);
    const onProgress = buildProgress(context, options);
    const how = { rate, batchSize, samples, sample, seed, timeout: timeout * MILLISECONDS, signal, onProgress };
    const found = await versions.verifyRows(id, how);
    await stdout.write(options.json === true ? `${jsonText(found)}\n` : verifiedText(found));
    if (!found.ok) throw new RowsWrongError(id.name, id.version);
  });
}

function noCode({ name, version }: { readonly name: string; readonly version: number }): UsageError {
  return new UsageError(`The config file exports no projection "${name}" version ${version}.`);
}
