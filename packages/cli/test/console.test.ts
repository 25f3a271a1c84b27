import { createServer } from 'node:http';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { runMink, startMink } from './support/run-mink.ts';

const database = useDatabase();

async function start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}, cwd?: string) {
  const schema = database.newSchema();
  await runMink(['migrate', '--schema', schema], { url: database.url() });
  const mink = startMink(['console', '--json', '--port', '0', '--schema', schema, ...args], {
    url: database.url(),
    env,
    ...(cwd === undefined ? {} : { cwd }),
  });
  await mink.untilPrinted('}\n');
  const { url }: { url: string } = JSON.parse(mink.stdout());
  return { mink, url };
}

describe('mink console', () => {
  test('shows a store without a config file, read-only, to whoever sits here, until Ctrl-C', async () => {
    const { mink, url } = await start();
    const session = await (await fetch(`${url}api/session`)).json();
    expect(session).toMatchObject({ user: { role: 'viewer', payloads: 'masked' }, isReadOnly: true, canSignIn: false });
    expect(await (await fetch(`${url}api/overview`)).json()).toMatchObject({ projections: [], feed: { head: 0 } });
    expect(await (await fetch(url)).text()).toContain('<base href="/" />');
    const live = await fetch(`${url}api/live`);
    expect((await live.body?.getReader().read())?.done).toBe(false);
    mink.interrupt();
    expect(await mink.done).toMatchObject({ exitCode: 0, stderr: '' });
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  test('asks for a token where one is given', async () => {
    const token = 'a-token-of-the-environment';
    const { mink, url } = await start(['--role', 'admin', '--allow-actions'], { MINK_CONSOLE_TOKEN: token });
    expect((await fetch(`${url}api/overview`)).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect(await (await fetch(`${url}api/session`, { headers })).json()).toMatchObject({
      user: { role: 'admin' },
      isReadOnly: false,
    });
    mink.interrupt();
    expect(await mink.done).toMatchObject({ exitCode: 0 });
  });

  test('takes the token from a file, and listens elsewhere with one', async () => {
    const cwd = project({ token: 'a-token-of-a-file\n' });
    const { mink, url } = await start(['--host', '0.0.0.0', '--token-file', 'token'], {}, cwd);
    expect((await fetch(`${url}api/overview`)).status).toBe(401);
    const headers = { authorization: 'Bearer a-token-of-a-file' };
    expect((await fetch(`${url}api/overview`, { headers })).status).toBe(200);
    mink.interrupt();
    expect(await mink.done).toMatchObject({ exitCode: 0 });
  });

  test.each(['0.0.0.0', '::', '192.168.1.7', 'example.com'])('is not open to others: --host %s', async (host) => {
    const result = await runMink(['console', '--port', '0', '--host', host], { url: database.url() });
    expect(result).toMatchObject({ exitCode: 1, stdout: '' });
    expect(result.stderr).toContain('MINK_CONSOLE_TOKEN');
  });

  test('says in one line that its port is in use, and that a token is too short', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = String(typeof address === 'object' ? address?.port : 0);
    const schema = database.newSchema();
    await runMink(['migrate', '--schema', schema], { url: database.url() });
    const taken = await runMink(['console', '--schema', schema, '--port', port], { url: database.url() });
    expect(taken.exitCode).toBe(1);
    expect(taken.stderr).toMatch(
      new RegExp(`^error: Nothing can listen on 127\\.0\\.0\\.1, port ${port}: .*\\n$`, 'u'),
    );
    const short = await runMink(['console', '--schema', schema, '--port', '0'], {
      url: database.url(),
      env: { MINK_CONSOLE_TOKEN: 'short' },
    });
    expect(short).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('shorter than 16') });
    other.close();
  });

  test('knows the code of the config file', async () => {
    const cwd = project({
      'mink.config.ts': `
        import { defineDecider, defineEvents, defineProjection, documents, payload } from 'mink';
        import { createPostgresStore } from 'mink/postgres';
        const events = defineEvents({ Added: payload<{ sku: string }>() });
        export const store = createPostgresStore({ url: ${JSON.stringify(database.url())}, schema: 'configured', categories: { Cart: events } });
        export const projections = [
          defineProjection({ name: 'sum', events: { Cart: events }, readModel: documents<{ n: number }>() }).on({
            Added: (sum) => ({ n: (sum?.n ?? 0) + 1 }),
          }),
        ];
        export const deciders = [
          defineDecider({ category: 'Cart', events, initialState: () => ({ n: 0 }), evolve: ({ n }) => ({ n: n + 1 }), decide: () => [] }),
        ];
        await store.append('Cart-1', [events.Added({ sku: 'a' })]);
      `,
    });
    const mink = startMink(['console', '--json', '--port', '0'], { cwd });
    await mink.untilPrinted('}\n');
    const { url }: { url: string } = JSON.parse(mink.stdout());
    const read = async (path: string) => (await fetch(`${url}api/${path}`)).json();
    expect(await read('projections')).toMatchObject([{ name: 'sum', hasCode: true, lagEvents: 1 }]);
    expect(await read('streams/Cart-1/states')).toMatchObject({ steps: [{ state: { n: '‹number›' } }] });
    mink.interrupt();
    expect(await mink.done).toMatchObject({ exitCode: 0 });
  });
});
