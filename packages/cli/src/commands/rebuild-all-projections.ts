import type { Command } from 'commander';
import type { RebuildAllPlan } from 'mink';
import { buildProgress } from '../build-progress.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { RebuildsFailedError } from '../errors.ts';
import { jsonText } from '../json-text.ts';
import { wholeFrom } from '../option-values.ts';
import { withVersions } from '../versions.ts';
import { builtText } from './projection-versions.ts';

interface RebuildAllOptions extends GlobalOptions {
  readonly parallel: number;
  readonly rate?: number | undefined;
  readonly batch?: number | undefined;
  readonly fresh?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

const HELP = `
Examples:
  mink rebuild-all-projections                 one after another
  mink rebuild-all-projections --parallel 4
  mink rebuild-all-projections --dry-run       which ones; nothing changes

Each is filled beside itself, and takes its own place when it has caught up: until then it is read as before. A run that was
stopped goes on with those that it has left; --fresh begins anew. Exit code 1 if one failed: it is as it was.
`;

/** Under its own name, and where those look for it who know `mink projections rebuild`. */
export function addRebuildAllCommand(parent: Command, context: Context): void {
  parent
    .command('rebuild-all-projections')
    .description('apply the whole log to all projections of the config file again')
    .option('--parallel <number>', 'projections that are rebuilt at the same time', wholeFrom(1), 1)
    .option('--rate <number>', 'events of a second for each, at most', wholeFrom(1))
    .option('--batch <number>', 'events that are stored together, at most', wholeFrom(1))
    .option('--fresh', 'begin anew where an earlier run was stopped')
    .option('--force', 'also where keys are parked')
    .option('--dry-run', 'say what would be rebuilt; nothing changes')
    .addHelpText('after', HELP)
    .action((_options, command: Command) => rebuildAll(context, command.optsWithGlobals()));
}

async function rebuildAll(context: Context, options: RebuildAllOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const { parallel, rate, batch: batchSize, fresh: isFresh, force: isForced } = options;
  await withVersions(context, options, async ({ versions, projections, noCode }) => {
    if (projections.length === 0) throw noCode;
    if (options.dryRun === true) {
      await stdout.line(planText(await versions.planRebuildAll({ isFresh }), options));
      return;
    }
    const onStart = ({ todo, done }: { readonly todo: number; readonly done: number }): void => {
      if (done === 0 || options.json === true) return;
      void stderr.line(`Going on with ${todo} of ${todo + done}: --fresh rebuilds all.`).catch(() => undefined);
    };
    const how = { parallel, rate, batchSize, isFresh, isForced, signal, onStart };
    const results = await versions.rebuildAll({ ...how, onProgress: buildProgress(context, options) });
    for (const result of results) await stdout.line(options.json === true ? resultJson(result) : resultText(result));
    const failed = results.filter(({ error }) => error !== undefined).map(({ name }) => name);
    if (failed.length > 0) throw new RebuildsFailedError(failed);
  });
}

function planText({ todo, done }: RebuildAllPlan, { json }: GlobalOptions): string {
  if (json === true) return jsonText({ todo, done });
  const names = todo.map(({ name, version }) => `${name} version ${version}`);
  const before = done === 0 ? '' : ` An earlier run has rebuilt ${done} already; --fresh rebuilds all.`;
  return `Would rebuild ${names.length === 0 ? 'nothing' : names.join(', ')}.${before}`;
}

type Result = Awaited<ReturnType<Parameters<Parameters<typeof withVersions>[2]>[0]['versions']['rebuildAll']>>[number];

function resultText(result: Result): string {
  if (result.error === undefined && 'events' in result) return builtText('rebuilt', result);
  return `${result.name} version ${result.version}: failed: ${messageOf(result.error)}`;
}

function resultJson(result: Result): string {
  return jsonText(result.error === undefined ? result : { ...result, error: messageOf(result.error) });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
