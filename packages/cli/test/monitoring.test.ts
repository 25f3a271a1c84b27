import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createMemoryStore } from 'mink/memory';
import { createMetrics, METRICS } from 'mink';
import { prometheusText } from 'mink/prometheus';
import { describe, expect, test, type TestContext } from 'vitest';
import { parse } from 'yaml';
import { runMink } from './support/run-mink.ts';

const run = promisify(execFile);
const PROMTOOL = '/usr/bin/promtool';
const root = fileURLToPath(new URL('../../..', import.meta.url));

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}

async function alerts(...options: readonly string[]): Promise<{ readonly yaml: string; readonly rules: Rules }> {
  const { exitCode, stdout } = await runMink(['monitoring', 'alerts', ...options]);
  expect(exitCode).toBe(0);
  return { yaml: stdout, rules: parse(stdout) };
}

/** Files in a directory of their own, and what promtool says of them. */
async function promtool(context: TestContext, args: readonly string[], files: Readonly<Record<string, string>>) {
  if (!existsSync(PROMTOOL)) return context.skip('promtool is not installed (apt-get install prometheus)');
  const cwd = await mkdtemp(join(tmpdir(), 'mink-promtool-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text);
    const { stdout, stderr } = await run(PROMTOOL, [...args], { cwd });
    return stdout + stderr;
  } finally {
    await rm(cwd, { recursive: true });
  }
}

interface AlertCase {
  readonly bad: readonly string[];
  readonly good: readonly string[];
  readonly alsoBad?: readonly (readonly string[])[];
  readonly alsoGood?: readonly (readonly string[])[];
}

/** For each alert, series with which it goes off, and with which it does not; a minute between two values. */
const CASES: Readonly<Record<string, AlertCase>> = {
  MinkProjectionFaulted: {
    bad: ['mink_projection_state{projection="a",version="1",state="faulted"} 1x10'],
    good: ['mink_projection_state{projection="a",version="1",state="live"} 1x10'],
  },
  MinkProjectionStalled: {
    bad: ['mink_projection_state{projection="a",version="1",state="stalled"} 1x10'],
    good: ['mink_projection_state{projection="a",version="1",state="catching_up"} 1x10'],
  },
  MinkProjectionLag: {
    bad: ['mink_projection_lag_events{projection="a",version="1"} 5001x10'],
    good: [
      'mink_projection_lag_events{projection="a",version="1"} 5000x10',
      'mink_projection_lag_seconds{projection="a",version="1"} 300x10',
    ],
  },
  MinkDeadLetters: {
    bad: ['mink_projection_parked_keys{projection="a",version="1"} 1x20'],
    good: ['mink_projection_parked_keys{projection="a",version="1"} 0x20'],
  },
  MinkCommandErrors: {
    bad: [
      'mink_commands_total{type="A",status="failed"} 0+2x20',
      'mink_commands_total{type="A",status="succeeded"} 0+98x20',
    ],
    good: [
      'mink_commands_total{type="A",status="refused"} 0+50x20',
      'mink_commands_total{type="A",status="succeeded"} 0+50x20',
    ],
  },
  MinkAppendErrors: {
    bad: ['mink_appends_total{status="unknown"} 0+2x20', 'mink_appends_total{status="stored"} 0+98x20'],
    good: ['mink_appends_total{status="refused"} 0+50x20', 'mink_appends_total{status="stored"} 0+50x20'],
  },
  MinkAppendLatency: {
    bad: [
      'mink_append_duration_seconds_bucket{le="0.5"} 0+1x20',
      'mink_append_duration_seconds_bucket{le="1"} 0+9x20',
      'mink_append_duration_seconds_bucket{le="+Inf"} 0+10x20',
    ],
    good: [
      'mink_append_duration_seconds_bucket{le="0.5"} 0+10x20',
      'mink_append_duration_seconds_bucket{le="+Inf"} 0+10x20',
    ],
  },
  MinkCommandLatency: {
    bad: [
      'mink_command_duration_seconds_bucket{type="A",le="1"} 0+1x20',
      'mink_command_duration_seconds_bucket{type="A",le="2.5"} 0+9x20',
      'mink_command_duration_seconds_bucket{type="A",le="+Inf"} 0+10x20',
    ],
    good: [
      'mink_command_duration_seconds_bucket{type="A",le="1"} 0+10x20',
      'mink_command_duration_seconds_bucket{type="A",le="+Inf"} 0+10x20',
    ],
  },
  MinkDeadLettersOld: {
    bad: ['mink_projection_oldest_parked_seconds{projection="a",version="1"} 86401x20'],
    good: ['mink_projection_oldest_parked_seconds{projection="a",version="1"} 86400x20'],
  },
  MinkInlineMissing: {
    bad: [
      'mink_inline_projections{projection="a",version="1",state="missing"} 1x20',
      'mink_appends_total{status="refused"} 1x20',
    ],
    good: ['mink_inline_projections{projection="a",version="1",state="active"} 1x20'],
    alsoBad: [
      ['mink_inline_projections{projection="a",version="1",state="inactive"} 1x20'],
      // It has others.
      [
        'mink_inline_projections{instance="1",projection="a",version="1",state="missing"} 1x20',
        'mink_inline_projections{instance="1",projection="b",version="1",state="active"} 1x20',
      ],
    ],
    alsoGood: [
      // A process that only reads, beside one that appends.
      [
        'mink_inline_projections{instance="reader",projection="a",version="1",state="missing"} 1x20',
        'mink_inline_projections{instance="writer",projection="a",version="1",state="active"} 1x20',
        'mink_appends_total{instance="writer",status="stored"} 0+1x20',
      ],
      ['mink_inline_projections{projection="a",version="1",state="skipped"} 1x20'],
    ],
  },
  MinkSnapshotsBroken: {
    bad: ['mink_snapshots_total{status="corrupt"} 0+1x20'],
    good: ['mink_snapshots_total{status="used"} 0+1x20', 'mink_snapshots_total{status="other-version"} 0+1x20'],
  },
  MinkClock: {
    bad: ['mink_clock_skew_seconds -6x20'],
    good: ['mink_clock_skew_seconds -5x20', 'mink_recorded_ahead_seconds 5x20'],
  },
  MinkEventLoopDelay: {
    bad: ['mink_event_loop_delay_seconds{quantile="0.99"} 0.3x20'],
    good: ['mink_event_loop_delay_seconds{quantile="1"} 9x20', 'mink_event_loop_delay_seconds{quantile="0.99"} 0.2x20'],
  },
  MinkGaugesMissing: {
    bad: [
      'mink_pool_connections{instance="1",state="waiting"} 0x20',
      'mink_pool_connections{instance="1",state="busy"} 9x20',
      // Another process has its own.
      'mink_pool_connections{instance="2",state="waiting"} 0x20',
      'mink_feed_position{instance="2"} 9x20',
    ],
    good: [
      'mink_pool_connections{instance="1",state="waiting"} 3x20',
      'mink_feed_position{instance="1"} 0x20',
      // It watches nothing.
      'mink_event_loop_delay_seconds{instance="2",quantile="0.99"} 0.1x20',
      'mink_appends_total{instance="2",status="stored"} 0+1x20',
    ],
  },
  MinkFeedHeld: { bad: ['mink_feed_held_seconds 61x10'], good: ['mink_feed_held_seconds 60x10'] },
  MinkFeedStalled: {
    bad: ['mink_feed_head 9x20', 'mink_feed_position 5x20', 'mink_feed_held_seconds 0x20'],
    good: ['mink_feed_head 9x20', 'mink_feed_position 9x20'],
    // Appends go on.
    alsoBad: [['mink_feed_head 9+9x20', 'mink_feed_position 9x20']],
    alsoGood: [
      // The last ones are under way at each look.
      ['mink_feed_head 9+9x20', 'mink_feed_position 5+9x20'],
      // It is known who it is: MinkFeedHeld.
      ['mink_feed_head 9x20', 'mink_feed_position 5x20', 'mink_feed_held_seconds 61x20'],
      // The database was restored to a moment before.
      ['mink_feed_head 900-9x20', 'mink_feed_position 900-9x20'],
    ],
  },
};

describe('alert rules', () => {
  test('are what Prometheus reads', async (context) => {
    const { yaml, rules } = await alerts();
    const said = await promtool(context, ['check', 'rules', 'rules.yml'], { 'rules.yml': yaml });
    expect(said).toContain(`SUCCESS: ${rules.groups[0]?.rules.length} rules found`);
  });

  test('go off when they should, and not otherwise', async (context) => {
    const { yaml, rules } = await alerts();
    const names = rules.groups.flatMap((group) => group.rules.map(({ alert }) => alert));
    expect(names.toSorted()).toEqual(Object.keys(CASES).toSorted());
    const series = (all: readonly string[]) =>
      all.map((line) => ({
        series: line.slice(0, line.lastIndexOf(' ')),
        values: line.slice(line.lastIndexOf(' ') + 1),
      }));
    const tests = Object.entries(CASES).flatMap(([alert, { bad, good, alsoBad = [], alsoGood = [] }]) => [
      ...[bad, ...alsoBad].map((lines) => ({
        interval: '1m',
        input_series: series(lines),
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
            eval_time: '20m',
            exp_samples: [{ value: 1 }],
          },
        ],
      })),
      ...[good, ...alsoGood].map((lines) => ({
        interval: '1m',
        input_series: series(lines),
        promql_expr_test: [{ expr: `count(ALERTS{alertname="${alert}"})`, eval_time: '20m', exp_samples: [] }],
      })),
    ]);
    // What is flat for ten minutes is looked at while it is there.
    const at = (text: string) => text.replaceAll('x10', 'x30').replaceAll('x20', 'x30');
    const file = at(JSON.stringify({ rule_files: ['rules.yml'], evaluation_interval: '1m', tests }));
    const said = await promtool(context, ['test', 'rules', 'tests.yml'], { 'rules.yml': yaml, 'tests.yml': file });
    expect(said).toContain('SUCCESS');
  });

  test('take thresholds, and say where the runbooks are', async () => {
    const { rules } = await alerts(
      '--lag-seconds',
      '42',
      '--error-rate',
      '0.5',
      '--runbooks',
      'https://wiki.example.com/mink',
    );
    const text = JSON.stringify(rules);
    expect(text).toContain('> 42');
    expect(text).toContain('> 0.5');
    expect(text).toContain('https://wiki.example.com/mink/projection-lag.md');
    const wrong = await runMink(['monitoring', 'alerts', '--error-rate', 'much']);
    expect(wrong.exitCode).toBe(2);
    expect(wrong.stderr).toContain('Give a number above 0');
  });

  test.each([
    ['--lag-events', '10000'],
    ['--error-rate', '1'],
    ['--append-latency', '10'],
    ['--command-latency', '10'],
  ])('do not take %s %s, which is never exceeded', async (option, value) => {
    const { stdout, stderr, exitCode } = await runMink(['monitoring', 'alerts', option, value]);
    expect([stdout, exitCode === 0]).toEqual(['', false]);
    expect(stderr).toContain(`${value} is never exceeded: give a number below ${value}`);
  });

  test('each name a runbook that there is', async () => {
    const { rules } = await alerts();
    const files = rules.groups.flatMap((group) =>
      group.rules.map(({ annotations }) => annotations['runbook_url'] ?? ''),
    );
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });
});

describe('the dashboard', () => {
  test('asks for nothing but metrics that there are, in queries that Prometheus reads', async (context) => {
    const { stdout } = await runMink(['monitoring', 'dashboard']);
    const { panels }: { panels: readonly { targets?: readonly { expr: string }[] }[] } = JSON.parse(stdout);
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const known = new Set<string>(Object.values(METRICS).map(({ name }) => name));
    const asked = new Set(
      queries.flatMap((query) => query.match(/mink_[a-z_]+/gu) ?? []).map((name) => name.replace(/_bucket$/u, '')),
    );
    expect([...asked].filter((name) => !known.has(name))).toEqual([]);
    expect([...known].filter((name) => !asked.has(name))).toEqual([]);
    const rules = queries.map((expr, index) => ({
      record: `q${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const file = JSON.stringify({ groups: [{ name: 'dashboard', rules }] });
    expect(await promtool(context, ['check', 'rules', 'rules.yml'], { 'rules.yml': file })).toContain('SUCCESS');
  });
});

describe('the text of metrics', () => {
  test('is what Prometheus reads, without a complaint', async (context) => {
    if (!existsSync(PROMTOOL)) return context.skip('promtool is not installed (apt-get install prometheus)');
    const metrics = createMetrics();
    const store = createMemoryStore({ observer: metrics.observer });
    await store.append('Cart-1', [{ type: 'Added', data: null }]);
    metrics.watch({ store });
    const checking = run(PROMTOOL, ['check', 'metrics']);
    checking.child.stdin?.end(await prometheusText(metrics));
    expect(await checking).toEqual({ stdout: '', stderr: '' });
  });
});
