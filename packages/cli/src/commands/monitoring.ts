import type { Command } from 'commander';
import { alertRules, grafanaDashboard, type AlertRulesOptions } from 'mink/prometheus';
import { stringify } from 'yaml';
import type { Context, GlobalOptions } from '../context.ts';
import { parsePositive } from '../option-values.ts';

const HELP = `
Made from the definitions of the metrics, for the version of mink that this is; needs no database.

Examples:
  mink monitoring alerts > mink-alerts.yml                       rules for Prometheus: "rule_files" in its configuration
  mink monitoring alerts --lag-seconds 60 --runbooks https://wiki.example.com/mink
  mink monitoring dashboard > mink-dashboard.json                import it in Grafana
`;

type AlertsOptions = GlobalOptions & AlertRulesOptions;

export function addMonitoringCommand(program: Command, context: Context): void {
  const monitoring = program
    .command('monitoring')
    .description('alert rules for Prometheus, and a dashboard for Grafana')
    .addHelpText('after', HELP);
  monitoring
    .command('alerts')
    .description('alert rules for Prometheus, in YAML')
    .option('--lag-events <number>', 'events that a projection may be behind (default: 5000)', parsePositive)
    .option('--lag-seconds <number>', 'seconds that an event may wait for a projection (default: 300)', parsePositive)
    .option('--error-rate <share>', 'share of commands or appends that may fail (default: 0.01)', parsePositive)
    .option('--append-latency <seconds>', 'that 99 of 100 appends may take (default: 0.5)', parsePositive)
    .option('--command-latency <seconds>', 'that 99 of 100 commands of a type may take (default: 1)', parsePositive)
    .option('--held-seconds <number>', 'seconds that readers may be held back (default: 60)', parsePositive)
    .option('--parked-seconds <number>', 'seconds that a key may be parked (default: 86400)', parsePositive)
    .option('--clock-skew <seconds>', 'that clocks may differ (default: 5)', parsePositive)
    .option('--event-loop-delay <seconds>', 'that 99 of 100 turns may be late (default: 0.2)', parsePositive)
    .option('--runbooks <url>', 'where the runbooks are (default: docs/runbooks)')
    .action((_options, command: Command) => printAlerts(context, command.optsWithGlobals()));
  monitoring
    .command('dashboard')
    .description('a dashboard for Grafana, in JSON')
    .action(() => context.stdout.write(`${JSON.stringify(grafanaDashboard(), undefined, 2)}\n`));
}

async function printAlerts({ stdout }: Context, options: AlertsOptions): Promise<void> {
  const rules = alertRules(options);
  await stdout.write(options.json === true ? `${JSON.stringify(rules)}\n` : stringify(rules, { lineWidth: 0 }));
}
