import type { ProcessReport } from '../operations/process-report.ts';
import { aliveOf, given, givenStore, listed, spanText, valueOf, type Check } from './check.ts';
import type { Evidence } from './evidence.ts';
import { failed, ok, unknown, warning, type Verdict } from './finding.ts';

const REPORT = 'createProcessReport(store, { name, engine, metrics, health, buses }); await report.start()';

/** What processes that live say; `unknown` where none reports. */
function givenProcesses({ processes }: Evidence, judge: (alive: readonly ProcessReport[]) => Verdict): Verdict {
  return given(processes, () => {
    const alive = aliveOf({ processes });
    return alive.length === 0 ? unknown('No process says what it is.', REPORT) : judge(alive);
  });
}

function namesOf(processes: readonly ProcessReport[]): string {
  return listed([...new Set(processes.map(({ name }) => name))]);
}

/** Whether a list in the configuration has a word. */
function has(process: ProcessReport, setting: string, word: string): boolean {
  const value = valueOf(process, setting);
  return Array.isArray(value) && value.includes(word);
}

/** Whether there is something that somebody else has written: what it does cannot be seen. */
function hasOwn(process: ProcessReport): boolean {
  return has(process, 'store.observer', 'own') || has(process, 'bus.layers', 'own');
}

/** Those that fail, of which nobody else may do the same; and those of which that cannot be told. */
function judged(processes: readonly ProcessReport[], isBad: (process: ProcessReport) => boolean) {
  const bad = processes.filter(isBad);
  return { bad: bad.filter((it) => !hasOwn(it)), unseen: bad.filter(hasOwn) };
}

/** What processes say of themselves: whether what was written for them is in effect. */
export const PROCESS_CHECKS: readonly Check[] = [
  {
    id: 'processes',
    title: 'Processes report',
    examine: ({ processes }) =>
      given(processes, (all) => {
        const silent = all.filter(({ isSilent }) => isSilent);
        if (all.length === 0) return unknown('No process says what it is.', REPORT);
        return silent.length === 0
          ? ok(`${all.length} report: ${namesOf(all)}.`)
          : warning(
              `Silent: ${listed(silent.map(({ name, host, pid }) => `${name} on ${host} (${pid})`))}.`,
              'look whether it runs, and reaches the database; it is forgotten after a day: mink processes',
            );
      }),
  },
  {
    id: 'connection-pooling',
    title: 'Processes pool their connections, and the server has room for all',
    line: 'connection-pooling',
    runbook: 'performance',
    examine: (evidence) =>
      givenProcesses(evidence, (alive) =>
        givenStore(evidence, (_, { settings, pooler }) => {
          const sizes = alive.map((process) => Number(valueOf(process, 'pool.maxConnections') ?? 0));
          const wanted = sizes.reduce((sum, size) => sum + size, 0);
          const room = Number(settings['max_connections']) - Number(settings['superuser_reserved_connections']);
          const isPooled = pooler !== 'none';
          const seen = `All processes (${alive.length}) may open ${wanted} connections, and ${isPooled ? 'a pooler shares them' : `the server takes ${room}`}.`;
          if (sizes.some((size) => size < 2))
            return warning(
              `A process has one connection alone. ${seen}`,
              'createPostgresStore({ url, maxConnections: 10 })',
            );
          return isPooled || wanted <= room
            ? ok(seen)
            : failed(seen, 'lower maxConnections, put a pooler in between, or raise max_connections');
        }),
      ),
  },
  {
    id: 'metrics',
    title: 'Metrics are collected',
    line: 'metrics',
    examine: (evidence, { askedAge }) =>
      givenProcesses(evidence, (alive) => {
        const { bad, unseen } = judged(alive, (it) => !has(it, 'store.observer', 'metrics'));
        if (bad.length > 0)
          return failed(
            `Not measured: ${namesOf(bad)}.`,
            'createPostgresStore({ observer: metrics.observer }), recommendedPipeline({ metrics: metrics.message })',
          );
        if (unseen.length > 0)
          return unknown(`${namesOf(unseen)} have observers or layers of their own.`, 'look whether these measure');
        const unasked = alive.filter(({ asked }) => evidence.now - (asked.metrics ?? 0) > askedAge);
        return unasked.length === 0
          ? ok(`Somebody collects those of ${namesOf(alive)}.`)
          : failed(
              `Nobody has asked ${namesOf(unasked)} for metrics within ${spanText(askedAge)}.`,
              'serve prometheusText(metrics) at /metrics, and give createProcessReport the metrics: docs/monitoring.md',
            );
      }),
  },
  {
    id: 'health',
    title: 'Health is asked for',
    line: 'health',
    examine: (evidence, { askedAge }) =>
      givenProcesses(evidence, (alive) => {
        const unasked = alive.filter(({ asked: { live = 0, ready = 0, details = 0 } }) => {
          return evidence.now - Math.max(live, ready, details) > askedAge;
        });
        return unasked.length === 0
          ? ok(`Somebody asks ${namesOf(alive)}.`)
          : failed(
              `Nobody has asked ${namesOf(unasked)} for its health within ${spanText(askedAge)}.`,
              'mount healthResponse(health, request), and let the load balancer ask /health/ready: docs/monitoring.md#health',
            );
      }),
  },
  {
    id: 'logging',
    title: 'Processes log',
    line: 'logging',
    examine: (evidence) =>
      givenProcesses(evidence, (alive) => {
        const { bad, unseen } = judged(
          alive,
          (it) => !has(it, 'store.observer', 'log') && !has(it, 'bus.layers', 'logging'),
        );
        if (bad.length > 0)
          return failed(
            `Without a log: ${namesOf(bad)}.`,
            'createPostgresStore({ observer: logObserver(pino()) }), recommendedPipeline({ logger })',
          );
        return unseen.length === 0
          ? ok(`${namesOf(alive)} log appends or commands with their fields.`)
          : unknown(`${namesOf(unseen)} have observers or layers of their own.`, 'look whether these log');
      }),
  },
  {
    id: 'backups',
    title: 'Backups are fresh',
    line: 'backups',
    runbook: 'point-in-time-recovery',
    examine: (evidence, { backupAge }) =>
      givenStore(evidence, ({ lastBackup, head, now }) => {
        const mend = 'mink backup orders-$(date +%F).mink.gz, once a day';
        if (lastBackup === undefined) return failed('The store knows of no backup.', mend);
        const age = now - lastBackup.takenAt;
        const seen = `The last one is ${spanText(age)} old, up to position ${lastBackup.upTo} of ${head}.`;
        return age <= backupAge ? ok(seen) : failed(seen, mend);
      }),
  },
];
