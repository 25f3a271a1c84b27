import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 30_000 });
const database = useDatabase();

/** A project whose config has an account with snapshots, and an order without. */
async function accounts(evolve = '(state, event) => ({ balance: state.balance + event.data.amount })') {
  const { schema, store } = database.openStore();
  for (const [id, count] of [
    ['1', 4],
    ['2', 1],
  ] as const) {
    await store.append(
      `Account-${id}`,
      Array.from({ length: count }, () => ({ type: 'Deposited', data: { amount: 5 } })),
    );
  }
  await store.close();
  const config = (fold: string) => `
    import { Aggregate, defineDecider, defineEvents, payload } from 'mink';
    const events = defineEvents({ Deposited: payload() });
    const account = defineDecider({
      category: 'Account', events, initialState: () => ({ balance: 0 }), evolve: ${fold}, decide: () => [],
      snapshots: { schemaVersion: 1 },
    });
    class Order extends Aggregate({ category: 'Order', events, initialState: () => 0, evolve: () => 0 }) {}
    export const deciders = [account];
    export const aggregates = [Order];
  `;
  const cwd = project({
    'mink.config.mjs': config(evolve),
    'changed.mjs': config('() => ({ balance: 0 })'),
    'new-version.mjs': config(evolve).replace('schemaVersion: 1', 'schemaVersion: 2'),
    'blind.mjs': config(evolve).replace('Deposited: payload()', 'Other: payload()'),
  });
  const args = ['--url', database.url(), '--schema', schema];
  const mink = (...more: string[]) => runMink([...more, ...args], { cwd });
  return { mink, args, schema };
}

describe('snapshots', () => {
  test('run makes them, and list shows them', async () => {
    const { mink } = await accounts();
    expect(await mink('snapshots', 'list')).toEqual({ exitCode: 0, stdout: '', stderr: 'No snapshots.\n' });
    const made = await mink('snapshots', 'run', '--min-events', '2');
    expect(made).toEqual({ exitCode: 0, stdout: 'Account: 1 snapshot made of 2 streams\n', stderr: '' });
    const listed = await mink('snapshots', 'list', '--json');
    expect(jsonLines(listed.stdout)).toEqual([
      {
        aggregateId: '1',
        aggregateType: 'Account',
        name: 'Account',
        version: 4,
        schemaVersion: 1,
        shape: expect.any(String),
        size: 14,
        createdAt: expect.stringMatching(/^\d{4}-/u),
      },
    ]);
    expect((await mink('snapshots', 'list', '--category', 'Account')).stdout).toMatch(
      /^STREAM +NAME +VERSION +FORM +CHARACTERS +MADE\nAccount-1 +Account +4 +1 +14 +\d{4}-/u,
    );
    expect((await mink('snapshots', 'list', '--stream', 'Account-2')).stderr).toBe('No snapshots.\n');
    const again = await mink('snapshots', 'run', '--min-events', '1', '--json');
    expect(jsonLines(again.stdout)).toEqual([{ category: 'Account', streams: 2, created: 1, failed: 0 }]);
  });

  test('verify finds those that are not what the events say', async () => {
    const { mink } = await accounts();
    await mink('snapshots', 'run', '--min-events', '1');
    expect((await mink('snapshots', 'verify')).stdout).toBe('Account: 2 snapshots checked, 0 wrong\n');
    const wrong = await mink('snapshots', 'verify', '--config', 'changed.mjs');
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stdout).toContain('Account-1 at version 4: loads use it, and it is wrong: balance 20 instead of 0\n');
    expect(wrong.stderr).toContain('error: 2 snapshots of "Account" do not hold what the events say.');
    const json = await mink('snapshots', 'verify', '--config', 'changed.mjs', '--json');
    expect(jsonLines(json.stdout)).toMatchObject([{ category: 'Account', checked: 2, wrong: [{}, {}], unchecked: [] }]);
    expect(jsonLines(json.stderr)).toMatchObject([{ error: { code: 'SNAPSHOTS_WRONG', wrong: 2 } }]);
  });

  test('verify says which it could not check, and goes on', async () => {
    const { mink } = await accounts();
    await mink('snapshots', 'run', '--min-events', '1');
    const blind = await mink('snapshots', 'verify', '--config', 'blind.mjs');
    expect(blind.exitCode).toBe(1);
    expect(blind.stdout).toMatch(
      /^Account: 0 snapshots checked, 0 wrong, 2 not checked\n {2}Account-1 at version 4: not checked: .*"Deposited".*\n/u,
    );
    expect(blind.stderr).toContain('2 snapshots of "Account" could not be checked');
    const json = await mink('snapshots', 'verify', '--config', 'blind.mjs', '--json');
    const place = { streamName: 'Account-1', streamVersion: 4, error: expect.stringContaining('Deposited') };
    expect(jsonLines(json.stdout)).toMatchObject([{ checked: 0, wrong: [], unchecked: [place, {}] }]);
    expect(jsonLines(json.stderr)).toMatchObject([{ error: { code: 'SNAPSHOTS_NOT_CHECKED', unchecked: 2 } }]);
  });

  test('recreate makes those anew that are wrong, or of an older version, and then there are none', async () => {
    const { mink } = await accounts();
    await mink('snapshots', 'run', '--min-events', '1');
    const right = await mink('snapshots', 'recreate');
    expect(right).toEqual({ exitCode: 0, stdout: 'Account: 0 snapshots made anew of 2\n', stderr: '' });
    const changed = await mink('snapshots', 'recreate', '--config', 'changed.mjs', '--category', 'Account');
    expect(changed.stdout).toBe('Account: 2 snapshots made anew of 2\n');
    expect((await mink('snapshots', 'verify', '--config', 'changed.mjs')).exitCode).toBe(0);
    const next = await mink('snapshots', 'recreate', '--config', 'new-version.mjs', '--json');
    expect(jsonLines(next.stdout)).toEqual([{ category: 'Account', streams: 2, recreated: 2, failed: 0 }]);
    const listed = jsonLines((await mink('snapshots', 'list', '--json')).stdout);
    expect(listed).toMatchObject([{ schemaVersion: 2 }, { schemaVersion: 2 }]);
  });

  test('recreate --all makes all anew, and goes on with those made before', async () => {
    const { mink } = await accounts();
    await mink('snapshots', 'run', '--min-events', '1');
    const all = await mink('snapshots', 'recreate', '--all');
    expect(all.stdout).toBe('Account: 2 snapshots made anew of 2\n');
    const rest = await mink('snapshots', 'recreate', '--all', '--made-before', '2026-01-01T00:00:00Z');
    expect(rest.stdout).toBe('Account: 0 snapshots made anew of 0\n');
    expect((await mink('snapshots', 'recreate', '--made-before', 'yesterday')).exitCode).toBe(2);
  });

  test('recreate says how many it could not make', async () => {
    const { mink } = await accounts();
    await mink('snapshots', 'run', '--min-events', '1');
    const blind = await mink('snapshots', 'recreate', '--config', 'blind.mjs', '--json');
    expect(blind.exitCode).toBe(1);
    expect(jsonLines(blind.stdout)).toEqual([{ category: 'Account', streams: 2, recreated: 0, failed: 2 }]);
    expect(jsonLines(blind.stderr)).toMatchObject([{ error: { code: 'SNAPSHOTS_NOT_MADE', failed: 2 } }]);
  });

  test('prune deletes what it is told to, and not everything by accident', async () => {
    const { mink } = await accounts();
    await mink('snapshots', 'run', '--min-events', '1');
    expect((await mink('snapshots', 'prune')).exitCode).toBe(2);
    expect((await mink('snapshots', 'prune', '--older-than', '1')).stdout).toBe('0 snapshots deleted\n');
    expect((await mink('snapshots', 'prune', '--stream', 'Account-2')).stdout).toBe('1 snapshot deleted\n');
    expect(jsonLines((await mink('snapshots', 'prune', '--keep', '0', '--json')).stdout)).toEqual([{ deleted: 1 }]);
  });

  test('run and verify need a config file that says how', async () => {
    const { args, mink } = await accounts();
    const without = await runMink(['snapshots', 'run', ...args], { cwd: project() });
    expect([without.exitCode, without.stderr]).toEqual([
      2,
      expect.stringContaining('There is no config file in this directory'),
    ]);
    const other = await mink('snapshots', 'verify', '--category', 'Order');
    expect(other.stderr).toContain('no decider or aggregate with snapshots for "Order", only for Account');
  });
});

describe('stream --states', () => {
  test('shows the state after each event, and what it changed', async () => {
    const { mink } = await accounts();
    const { stdout } = await mink('stream', 'Account-1', '--states', '--at', '2');
    expect(stdout).toMatch(/^Account-1, at version 4\n\n#1 {2}Deposited .*\n {4}data .*\n {4}balance {2}0 → 5\n#2 /u);
    expect(stdout).toContain('    balance  5 → 10\n');
    const json = await mink('stream', 'Account-1', '--states', '--json', '--from', '3', '--limit', '1');
    expect(jsonLines(json.stdout)).toMatchObject([
      { streamVersion: 3, state: { balance: 15 }, changes: [{ path: 'balance', before: 10, after: 15 }] },
    ]);
  });

  test('says when an event has changed nothing, and when there is none', async () => {
    const { mink } = await accounts('(state) => state');
    expect((await mink('stream', 'Account-2', '--states')).stdout).toContain('    nothing has changed\n');
    expect((await mink('stream', 'Account-2', '--states', '--from', '9')).stderr).toBe('No events in this range.\n');
    expect((await mink('stream', 'Account-9', '--states')).exitCode).toBe(1);
  });

  test('needs a decider or an aggregate, and goes forwards', async () => {
    const { mink } = await accounts();
    expect((await mink('stream', 'Cart-1', '--states')).stderr).toContain('no decider or aggregate for "Cart"');
    expect((await mink('stream', 'Account-1', '--states', '--backwards')).exitCode).toBe(2);
  });
});

test('the config file may export deciders and aggregates only', async () => {
  const { args } = await accounts();
  for (const [text, reason] of [
    ['export const deciders = 5;', 'exports "deciders" that are no array.'],
    ['export const aggregates = [class {}];', 'of which one is neither decider nor aggregate.'],
  ]) {
    const cwd = project({ 'mink.config.mjs': text ?? '' });
    const { stderr, exitCode } = await runMink(['snapshots', 'run', ...args], { cwd });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(reason ?? '')]);
  }
});
