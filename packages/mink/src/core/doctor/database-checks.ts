import { DatabaseError } from '../errors.ts';
import type { ProcessReport } from '../operations/process-report.ts';
import { aliveOf, given, givenFacts, givenStore, listed, spanText, type Check } from './check.ts';
import type { DatabaseFacts } from './database-facts.ts';
import { failed, ok, unknown, warning, type Verdict } from './finding.ts';

const LEAST_VERSION = 140_000;
/** Every table of the log is below it for years; above it, dead rows cost more than reading. */
const DEAD_SHARE = 0.3;
const DEAD_ROWS = 10_000;

/** Settings without which a power failure loses what was acknowledged, or breaks the log. */
const DURABLE = {
  fsync: 'A crash of the server can break the whole database',
  full_page_writes: 'A power failure can leave torn pages, which nothing mends',
  synchronous_commit: 'Appends are acknowledged before they are on disk: a crash loses the last of them',
} as const;

/** What must be right in the database, whoever works with it. */
export const DATABASE_CHECKS: readonly Check[] = [
  {
    id: 'connection',
    title: 'The database answers',
    examine: ({ facts }) => {
      if ('error' in facts) {
        const reason = facts.error instanceof Error ? facts.error.message : String(facts.error);
        // It answers, and refuses: as a role without rights is refused.
        const mend =
          facts.error instanceof DatabaseError
            ? 'connect with another role, or grant this one what it lacks: docs/postgres.md#rights'
            : 'check the URL (--url, DATABASE_URL, mink.config.ts), and that the server runs';
        return failed(reason, mend);
      }
      if (facts.value === undefined) return unknown('This storage is no database.', 'examine a store on PostgreSQL');
      const { isReplica, settings } = facts.value;
      if (isReplica)
        return failed(
          'The server is a replica: nothing can be appended here.',
          'connect to the primary, or promote this one',
        );
      if (settings['default_transaction_read_only'] === 'on')
        return failed(
          'Transactions are read-only here: nothing can be appended.',
          'ask who has set default_transaction_read_only of the role, the database or the server, and why; then reset it',
        );
      return ok(`PostgreSQL ${settings['server_version']} answers.`);
    },
  },
  {
    id: 'server-version',
    title: 'The server is new enough',
    examine: (evidence) =>
      givenFacts(evidence, ({ serverVersion, settings }) =>
        serverVersion >= LEAST_VERSION
          ? ok(`It is ${settings['server_version']}.`)
          : failed(
              `It is ${settings['server_version']}, and mink needs 14 or later.`,
              'upgrade the server: pg_upgrade',
            ),
      ),
  },
  {
    id: 'migrations',
    title: 'The schema is up to date',
    examine: (evidence) => givenFacts(evidence, migrations),
  },
  {
    id: 'durability',
    title: 'What is acknowledged is durable',
    examine: (evidence) => givenFacts(evidence, (facts) => durability(facts, reported(aliveOf(evidence)))),
  },
  {
    id: 'rights',
    title: 'The role may do what it must, and no more',
    examine: (evidence) => givenStore(evidence, (_, { role }) => rights(role)),
  },
  {
    id: 'pooler',
    title: 'What is between here and the server',
    examine: (evidence) => givenFacts(evidence, ({ pooler }) => poolerVerdict(pooler)),
  },
  {
    id: 'autovacuum',
    title: 'Tables are cleaned up',
    runbook: 'performance',
    examine: (evidence) =>
      givenStore(evidence, ({ tables }, { settings }) => {
        if (settings['autovacuum'] === 'off' || settings['track_counts'] === 'off') {
          return failed(
            'autovacuum is off: tables and indexes grow, and in the end the server stops to take writes.',
            'alter system set autovacuum = on; alter system set track_counts = on; select pg_reload_conf()',
          );
        }
        const off = tables.filter(({ isVacuumed }) => !isVacuumed).map(({ name }) => name);
        if (off.length > 0) {
          const mend = off.map((name) => `alter table ${name} reset (autovacuum_enabled)`).join('; ');
          return failed(`autovacuum is off for ${listed(off)}.`, mend);
        }
        const dirty = tables.filter(({ rows, deadRows }) => deadRows > DEAD_ROWS && deadRows > DEAD_SHARE * rows);
        return dirty.length === 0
          ? ok('autovacuum is on, and no table has many dead rows.')
          : warning(
              `Many dead rows are in ${listed(dirty.map(({ name, deadRows }) => `${name} (${deadRows})`))}.`,
              `vacuum (analyze) ${dirty[0]?.name}; look for transactions that are open for long: mink feed`,
            );
      }),
  },
  {
    id: 'indexes',
    title: 'Indexes are there and valid',
    runbook: 'performance',
    examine: (evidence) =>
      givenStore(evidence, ({ brokenIndexes }) => {
        const [first] = brokenIndexes;
        if (first === undefined) return ok('All of them are.');
        return failed(
          `${listed(brokenIndexes.map(({ name, problem }) => `${name} is ${problem}`))}.`,
          brokenIndexes.map(({ mend }) => mend).join('; '),
        );
      }),
  },
  {
    id: 'guards',
    title: 'The log is kept from being changed',
    examine: (evidence) =>
      givenStore(evidence, ({ guardsOff }) =>
        guardsOff.length === 0
          ? ok('Its guards are on.')
          : failed(`Triggers are missing or off: ${listed(guardsOff)}.`, 'mink migrate; then mink verify'),
      ),
  },
];

function migrations({ schema }: DatabaseFacts): Verdict {
  const { name, databaseVersion, codeVersion } = schema;
  if (databaseVersion === 0) return failed(`Schema "${name}" does not exist.`, 'mink migrate');
  if (databaseVersion < codeVersion)
    return failed(`Schema "${name}" is at version ${databaseVersion}, the code at ${codeVersion}.`, 'mink migrate');
  return databaseVersion === codeVersion
    ? ok(`Schema "${name}" is at version ${databaseVersion}.`)
    : warning(
        `Schema "${name}" is at version ${databaseVersion}, and this code knows ${codeVersion}.`,
        'npm install mink@latest @mink/cli@latest',
      );
}

/** A setting of a role, a database or a connection counts as much as one of the server: processes tell what they have. */
type ReportedSettings = readonly (readonly [process: string, name: string, value: unknown])[];

function reported(processes: readonly ProcessReport[]): ReportedSettings {
  const names = new Map([
    ['database.fsync', 'fsync'],
    ['database.fullPageWrites', 'full_page_writes'],
    ['database.synchronousCommit', 'synchronous_commit'],
  ]);
  return processes.flatMap((process) =>
    process.configuration.flatMap(({ name, value }) => {
      const setting = names.get(name);
      return setting === undefined ? [] : [[`process ${process.name}`, setting, value] as const];
    }),
  );
}

function durability({ settings }: DatabaseFacts, processes: ReportedSettings): Verdict {
  const here = Object.keys(DURABLE).map((name) => ['this session', name, settings[name]] as const);
  const off = [...here, ...processes].filter(([, , value]) => value === 'off');
  if (off.length === 0) return ok('fsync, full_page_writes and synchronous_commit are on.');
  const names = [...new Set(off.map(([, name]) => name))];
  const why = names.map(
    (name) =>
      `${name} IS OFF (${listed([...new Set(off.filter((it) => it[1] === name).map(([who]) => who))])}): ${Reflect.get(DURABLE, name)}.`,
  );
  const server = names.map((name) => `alter system set ${name} = on`).join('; ');
  const where = 'A role, a database or a URL may turn it off, too.';
  return failed(`${why.join(' ')} ${where}`, `${server}; select pg_reload_conf()`);
}

function rights({ name, isSuperuser, isOwner, missing }: DatabaseFacts['role']): Verdict {
  if (missing.length > 0) {
    return failed(
      `Role ${name} may not ${listed(missing)}.`,
      'grant what docs/postgres.md#rights lists; or run doctor as the application does: --url',
    );
  }
  if (!isSuperuser && !isOwner) return ok(`Role ${name} may append and project, and owns nothing.`);
  return warning(
    `Role ${name} ${isSuperuser ? 'is a superuser' : 'owns the tables'}: it may drop them, and turn guards off.`,
    'give the application a role of its own: docs/postgres.md#rights',
  );
}

function poolerVerdict(pooler: DatabaseFacts['pooler']): Verdict {
  switch (pooler) {
    case 'none':
      return ok('Nothing: connections are direct.');
    case 'session':
      return ok('A pooler in session mode.');
    case 'transaction':
      return warning(
        'A pooler in transaction mode: nobody can listen through it, so that readers are woken by polling.',
        "give a URL past it: createPostgresStore({ url, listenUrl }); or say wakeUp: 'poll'",
      );
    case 'statement':
      return failed(
        'A pooler in statement mode, which knows no transactions: inline projections and migrations cannot work.',
        'pool_mode = transaction in pgbouncer.ini',
      );
    case 'pool_of_one':
      return unknown('A pooler; in which mode cannot be told over one connection.', 'maxConnections: 2 or more');
  }
}

/** Who holds readers back, and for how long. */
export const FEED_CHECK: Check = {
  id: 'feed',
  title: 'Nobody holds readers back',
  runbook: 'feed-held',
  examine: ({ feed }, { heldAge }) =>
    given(feed, ({ position, head, heldBy }) => {
      const first = heldBy.find(({ age = 0 }) => age > heldAge);
      if (first === undefined) return ok(`The log can be read to position ${position} of ${head}.`);
      const { pid, preparedTransaction, age = 0 } = first;
      const who = preparedTransaction === undefined ? `process ${pid}` : `prepared transaction ${preparedTransaction}`;
      const end =
        preparedTransaction === undefined
          ? `select pg_terminate_backend(${pid})`
          : `rollback prepared '${preparedTransaction}'`;
      return failed(
        `${who} has held readers back at position ${position} for ${spanText(age)}.`,
        `mink feed; then: ${end}`,
      );
    }),
};
