import { Option, type Command } from 'commander';
import { createDoctor, type Examination, type ExaminationScope, type Finding } from 'mink';
import { counted } from '../../counted.ts';
import { collectText, parseText, wholeFrom } from '../../option-values.ts';
import { loadConfig } from '../../config-file.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { withStore } from '../../database.ts';
import { UnhealthyStoreError } from '../../errors.ts';
import { interruptible } from '../../interrupt.ts';
import { jsonText } from '../../json-text.ts';
import { maskPasswords } from '../../mask-passwords.ts';
import { escapeControls } from '../../terminal-text.ts';
import { monitoringOf } from './monitoring-of.ts';

interface DoctorOptions extends GlobalOptions {
  readonly production?: boolean | undefined;
  readonly performance?: boolean | undefined;
  readonly strict?: boolean | undefined;
  readonly prometheus?: string | undefined;
  readonly dashboard?: readonly string[] | undefined;
  readonly backupHours?: number | undefined;
}

const HELP = `
Looks at the database, the log, the projections and what processes report, and says of each finding what mends it. Changes nothing, and
migrates nothing. Run it as the application connects: rights and settings are those of its role.

Examples:
  mink doctor                                    the store, and all around it
  mink doctor --production --prometheus http://prometheus:9090 --dashboard mink-dashboard.json
  mink doctor --performance
  mink doctor --production --json                one finding a line

Exit code 1 where something has failed; with --strict also for warnings, and for what could not be seen. A dashboard may be a URL of
Grafana's API; GRAFANA_TOKEN is sent to it. Each line of the checklist: docs/operations.md#the-checklist
`;

export function addDoctorCommand(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('examine the store, and say what mends it')
    .addOption(new Option('--production', 'the checklist for going to production').conflicts('performance'))
    .addOption(new Option('--performance', 'what makes it slow').conflicts('production'))
    .option('--strict', 'fail also for warnings, and for what could not be seen')
    .option('--prometheus <url>', 'ask Prometheus for alert rules and metrics', parseText)
    .option('--dashboard <file|url>', 'a dashboard of Grafana; may be repeated', collectText)
    .option('--backup-hours <number>', 'how old the last backup may be (default: 26)', wholeFrom(1))
    .addHelpText('after', HELP)
    .action((_options, command: Command) => doctor(context, command.optsWithGlobals()));
}

async function doctor(context: Context, options: DoctorOptions): Promise<void> {
  const { stdout, signal } = context;
  const scope: ExaminationScope =
    options.production === true ? 'production' : options.performance === true ? 'performance' : 'store';
  const examination = await examine(context, options, scope);
  const { findings } = examination;
  const text =
    options.json === true
      ? findings.map((finding) => `${jsonText(finding)}\n`).join('')
      : `${findings.map(findingText).join('')}${summaryText(findings)}\n`;
  await stdout.write(maskPasswords(text));
  signal.throwIfAborted();
  const bad = findings.filter(({ status }) => status === 'failed' || (options.strict === true && status !== 'ok'));
  if (bad.length > 0) throw new UnhealthyStoreError(bad.map(({ id }) => id));
}

async function examine(context: Context, options: DoctorOptions, scope: ExaminationScope): Promise<Examination> {
  const { cwd, env, signal } = context;
  // The code of the config file belongs to its store.
  const isOther = options.url !== undefined || options.schema !== undefined;
  const config = isOther ? undefined : await loadConfig(cwd, options.config);
  const { prometheus, dashboard: dashboards, backupHours } = options;
  return withStore(context, options, (store) => {
    const examined = createDoctor(store, {
      projections: config?.projections,
      deciders: config?.folds.map(({ target }) => target),
      monitoring: monitoringOf({ prometheus, dashboards, cwd, token: env['GRAFANA_TOKEN'], signal }),
      limits: backupHours === undefined ? undefined : { backupAge: backupHours * 3_600_000 },
    });
    return interruptible(examined.examine({ scope, signal }), signal);
  });
}

const MARKS = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ', unknown: 'unknown' } as const;

function findingText({ id, title, status, seen, mend, runbook }: Finding): string {
  const indent = ' '.repeat(9);
  const lines = [`${MARKS[status]}  ${id}: ${title}`, `${indent}${seen}`];
  if (mend !== undefined) lines.push(`${indent}-> ${mend}`);
  if (mend !== undefined && runbook !== undefined) lines.push(`${indent}   docs/runbooks/${runbook}.md`);
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}

function summaryText(findings: readonly Finding[]): string {
  const count = (status: Finding['status']): number => findings.filter((it) => it.status === status).length;
  return `${counted(findings.length, 'check')}: ${count('ok')} ok, ${counted(count('warning'), 'warning')}, ${count('failed')} failed, ${count('unknown')} unknown`;
}
