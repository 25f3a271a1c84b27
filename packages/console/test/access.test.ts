import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createEventStore, type EventStorage } from 'mink';
import { createMemoryStorage, createMemoryStore } from 'mink/memory';
import { describe, expect, test } from 'vitest';
import {
  ACTIONS,
  createConsole,
  type Access,
  type ActionName,
  type ConsoleOptions,
  type Role,
  type User,
} from '../src/index.ts';
import { Sessions } from '../src/access/sessions.ts';
import { createPage } from '../src/http/page.ts';
import { memoryAudit } from './support/audit.ts';
import { createClient, HERE, ORIGIN } from './support/client.ts';

const TOKEN = 'a-token-of-ada-01';
const JSON_TYPE = { 'content-type': 'application/json' };

function open(access: Access, options: Partial<ConsoleOptions> = {}) {
  const audit = memoryAudit();
  const store = createMemoryStore();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const admin = createConsole({ store, access, audit: audit.log, onError, ...options });
  return { admin, audit, store, errors };
}

const ada: Access = { tokens: [{ token: TOKEN, name: 'Ada', role: 'admin', payloads: 'full' }] };

/** Every action, as it is asked for; nothing of it is there. */
const PATHS: Readonly<Record<ActionName, string>> = {
  pause: '/api/projections/p/1/pause',
  resume: '/api/projections/p/1/resume',
  reset: '/api/projections/p/1/reset',
  partition: '/api/projections/p/1/partition',
  plan: '/api/projections/p/1/plan',
  build: '/api/projections/p/1/build',
  rebuild: '/api/projections/p/1/rebuild',
  compare: '/api/projections/p/1/compare',
  'what-if': '/api/projections/p/1/what-if',
  verify: '/api/projections/p/1/verify',
  switch: '/api/projections/p/1/switch',
  rollback: '/api/projections/p/1/rollback',
  retire: '/api/projections/p/1/retire',
  'dry-run': '/api/dead-letters/p/1/k/dry-run',
  retry: '/api/dead-letters/p/1/k/retry',
  discard: '/api/dead-letters/p/1/k/discard',
  'retry-all': '/api/dead-letters/p/1/retry-all',
  'check-schema': '/api/schema/check',
  'cancel-job': '/api/jobs/00000000-0000-4000-8000-000000000000/cancel',
};
const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];
const RANK = { viewer: 0, operator: 1, admin: 2 };

describe('roles', () => {
  const cases = Object.entries(PATHS).flatMap(([action, path]) =>
    ROLES.flatMap((role) =>
      [true, false].map((isReadOnly) => ({ action: action as ActionName, path, role, isReadOnly })),
    ),
  );

  test.each(cases)('$role, read-only $isReadOnly: $action', async ({ action, path, role, isReadOnly }) => {
    const { admin, audit } = open({ tokens: [{ token: TOKEN, name: 'Ada', role }] }, { isReadOnly });
    const client = createClient(admin, TOKEN);
    const { status } = await client.post(path, action === 'check-schema' ? {} : { nonsense: 1 });
    const mayDo = !isReadOnly && RANK[role] >= RANK[ACTIONS[action]];
    const { refusals } = (await client.get('/api/session')).body;
    const refused = isReadOnly ? 'READ_ONLY' : 'NOT_ALLOWED';
    const written = audit.entries.slice(0, 1).map((entry) => [entry.kind, entry.status, entry.errorCode]);
    // What does not exist is not said to those who may not.
    expect({ isRefused: status === 403, hasReason: refusals[action] !== undefined, written }).toEqual({
      isRefused: !mayDo,
      hasReason: !mayDo,
      written: [['action', mayDo ? 'attempted' : 'refused', mayDo ? undefined : refused]],
    });
    await admin.close();
  });

  test('are given for every action there is', () => {
    expect(Object.keys(PATHS).toSorted()).toEqual(Object.keys(ACTIONS).toSorted());
  });
});

describe('the audit', () => {
  test('does nothing that cannot be written down', async () => {
    const { admin, audit, errors } = open(ada, { isReadOnly: false });
    const client = createClient(admin, TOKEN);
    audit.state.isFailing = true;
    const refused = await client.post('/api/schema/check');
    expect(refused).toMatchObject({ status: 503, body: { code: 'AUDIT_UNAVAILABLE' } });
    expect((await client.get('/api/jobs')).body).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  test('shows nothing in full that cannot be written down', async () => {
    const { admin, audit, store } = open(ada);
    const client = createClient(admin, TOKEN);
    await store.append('Cart-1', [{ type: 'Added', data: { secret: 'xyzzy' } }]);
    const path = '/api/streams/Cart-1/events?payloads=full';
    expect((await client.get(path)).text).toContain('xyzzy');
    expect(audit.entries).toMatchObject([
      { kind: 'view', userId: 'Ada', status: 'succeeded', streamName: 'Cart-1', details: { role: 'admin', events: 1 } },
    ]);
    audit.state.isFailing = true;
    const refused = await client.get(path);
    expect(refused).toMatchObject({ status: 503, body: { code: 'AUDIT_UNAVAILABLE' } });
    expect(refused.text).not.toContain('xyzzy');
    const tail = await client.get('/api/events/tail?payloads=full');
    expect(tail.status).toBe(503);
    expect((await client.get('/api/streams/Cart-1/events')).body.events).toMatchObject([
      { data: { secret: '‹string›' } },
    ]);
  });

  test('needs somewhere to be', async () => {
    const storage: EventStorage = new Proxy(createMemoryStorage(), {
      get(target, name) {
        const value: unknown = name === 'operations' ? undefined : Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { admin } = open(ada, { audit: undefined, isReadOnly: false, store: createEventStore(storage) });
    const client = createClient(admin, TOKEN);
    expect(await client.post('/api/schema/check')).toMatchObject({ status: 503, body: { code: 'AUDIT_UNAVAILABLE' } });
    for (const path of ['/api/audit', '/api/categories', '/api/streams?order=longest']) {
      expect((await client.get(path)).status).toBe(404);
    }
    expect((await client.get('/api/overview')).body).toMatchObject({ processes: [], rates: {} });
  });
});

describe('payloads', () => {
  test.each([
    ['none', 'full', 'none'],
    ['none', undefined, 'none'],
    ['masked', 'full', 'masked'],
    ['masked', 'none', 'none'],
    ['full', undefined, 'masked'],
    ['full', 'full', 'full'],
  ] as const)('who may see %s and asks for %s sees %s', async (payloads, asked, seen) => {
    const { admin, store } = open({ tokens: [{ token: TOKEN, name: 'Ada', role: 'admin', payloads }] });
    await store.append('Cart-1', [{ type: 'Added', data: { secret: 'xyzzy' }, metadata: { own: 'xyzzy' } }]);
    const query = asked === undefined ? '' : `?payloads=${asked}`;
    for (const path of ['/api/streams/Cart-1/events', '/api/events', '/api/events/1', '/api/events/1/why']) {
      const { status, text } = await createClient(admin, TOKEN).get(`${path}${query}`);
      expect(status).toBe(200);
      expect(text).toContain(`"payloads":"${seen}"`);
      expect(text.includes('xyzzy')).toBe(seen === 'full');
      expect(text.includes('‹string›')).toBe(seen === 'masked');
    }
  });
});

describe('tokens', () => {
  test('may be given as hashes', async () => {
    const sha256 = createHash('sha256').update(TOKEN).digest('hex');
    const { admin } = open({ tokens: [{ sha256, name: 'Ada', role: 'viewer' }] });
    expect((await createClient(admin, TOKEN).get('/api/overview')).status).toBe(200);
    expect((await createClient(admin, sha256).get('/api/overview')).status).toBe(401);
  });

  test.each([
    [{ tokens: [] }, 'is empty'],
    [{ tokens: [{ token: 'short', name: 'Ada', role: 'viewer' }] }, 'shorter than 16'],
    [{ tokens: [{ name: 'Ada', role: 'viewer' }] }, 'either a token or its sha256'],
    [{ tokens: [{ sha256: 'xyz', name: 'Ada', role: 'viewer' }] }, '64 hexadecimal digits'],
    [{ tokens: [{ token: TOKEN, name: '', role: 'viewer' }] }, 'without a name'],
    [{}, 'says not who may use the console'],
    [{ tokens: [], anonymous: { role: 'viewer', payloads: 'none' } }, 'has tokens and anonymous'],
  ] as const)('%j is refused', (access, problem) => {
    expect(() => open(access as Access)).toThrow(problem);
  });

  test('can be tried ten times a minute', async () => {
    const { admin } = open(ada);
    const statuses: number[] = [];
    for (let times = 0; times < 12; times += 1) {
      statuses.push((await createClient(admin, `wrong-token-${times}`).get('/api/overview')).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    // Whoever has a right one is not kept out.
    expect((await createClient(admin, TOKEN).get('/api/overview')).status).toBe(200);
  });
});

describe('signing in', () => {
  const cookieOf = (headers: Headers): string => headers.get('set-cookie')?.split(';')[0] ?? '';
  const signIn = async (now = Date.now) => {
    const { admin } = open(ada, { now });
    const client = createClient(admin);
    const reply = await client.post('/api/session', { token: TOKEN });
    return { admin, client, reply, cookie: cookieOf(reply.headers) };
  };

  test('gives a cookie that no script can read, and no other site sends', async () => {
    const { client, reply, cookie } = await signIn();
    expect(reply).toMatchObject({ status: 200, body: { user: { name: 'Ada' } } });
    expect(reply.headers.get('set-cookie')).toMatch(
      /^mink-console-4466=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/u,
    );
    expect((await client.send('/api/overview', { headers: { cookie } })).status).toBe(200);
    expect((await client.send('/api/overview')).status).toBe(401);
  });

  test('leaves somebody signed in to a console at another port of the host', async () => {
    const [{ admin: first }, { admin: second }] = [open(ada), open(ada)];
    const at = (admin: typeof first, port: number, init: RequestInit = {}, path = '/api/session') =>
      admin.fetch(new Request(`http://localhost:${port}${path}`, init), HERE);
    let jar = '';
    for (const [admin, port] of [
      [first, 4466],
      [second, 4467],
    ] as const) {
      const { csrfToken } = (await (await at(admin, port)).json()) as { csrfToken: string };
      const headers = { 'x-mink-csrf': csrfToken, cookie: jar, ...JSON_TYPE };
      const signedIn = await at(admin, port, { method: 'POST', headers, body: JSON.stringify({ token: TOKEN }) });
      jar = [jar, cookieOf(signedIn.headers)].filter(Boolean).join('; ');
    }
    const headers = { cookie: jar };
    expect((await at(first, 4466, { headers }, '/api/overview')).status).toBe(200);
    expect((await at(second, 4467, { headers }, '/api/overview')).status).toBe(200);
    expect((await at(first, 4467, { headers }, '/api/overview')).status).toBe(401);
  });

  test('asks for the token of the session with everything that changes something', async () => {
    const { client, reply, cookie } = await signIn();
    const post = (csrf: string) =>
      client.send('/api/schema/check', {
        method: 'POST',
        headers: { cookie, 'x-mink-csrf': csrf, ...JSON_TYPE },
        body: '{}',
      });
    expect((await post(reply.body.csrfToken)).body.code).toBe('READ_ONLY');
    expect((await post(await client.csrfToken())).body.code).toBe('CSRF');
    const other = await signIn();
    expect((await post(other.reply.body.csrfToken)).body.code).toBe('CSRF');
  });

  test('ends when one signs out: the cookie is worth nothing then', async () => {
    const { client, reply, cookie } = await signIn();
    const headers = { cookie, 'x-mink-csrf': reply.body.csrfToken, ...JSON_TYPE };
    const out = await client.send('/api/session', { method: 'DELETE', headers });
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0');
    expect((await client.send('/api/overview', { headers: { cookie } })).status).toBe(401);
  });

  test('refuses a wrong token, and gives no cookie', async () => {
    const { admin } = open(ada);
    const reply = await createClient(admin).post('/api/session', { token: 'wrong-token-0001' });
    expect(reply).toMatchObject({ status: 401, body: { code: 'WRONG_TOKEN' } });
    expect(reply.headers.get('set-cookie')).toBeNull();
  });

  test('lasts for eight hours, or one without use, under ids that change', () => {
    let now = 0;
    const minutes = (count: number): void => void (now += count * 60_000);
    const sessions = new Sessions(() => now);
    const user: User = { name: 'Ada', role: 'admin', payloads: 'full' };
    const { id, family } = sessions.begin(user);
    expect(sessions.find(id)).toEqual({ user, family, newId: undefined });
    minutes(15);
    const newId = sessions.find(id)?.newId ?? '';
    expect(newId).not.toBe(id);
    expect(sessions.find(id)?.newId, 'a request that was under way').toBe(newId);
    minutes(1);
    expect(sessions.find(id), 'a replayed id').toBeUndefined();
    expect(sessions.find(newId)?.family).toBe(family);
    minutes(60);
    expect(sessions.find(newId), 'after an hour without use').toBeUndefined();

    let used = sessions.begin(user).id;
    for (let tens = 0; tens < 8 * 6; tens += 1) {
      used = sessions.find(used)?.newId ?? used;
      minutes(10);
    }
    expect(sessions.find(used), 'after eight hours').toBeUndefined();
  });

  test('keeps a thousand sessions, and forgets the oldest', () => {
    const sessions = new Sessions(() => 0);
    const user: User = { name: 'Ada', role: 'admin', payloads: 'full' };
    const ids = Array.from({ length: 1_001 }, () => sessions.begin(user).id);
    expect(sessions.find(ids[0] ?? '')).toBeUndefined();
    expect(sessions.find(ids[1] ?? '')).toBeDefined();
  });

  test('makes room for one more, where all others are due for another id', () => {
    let now = 0;
    const sessions = new Sessions(() => now);
    const user: User = { name: 'Ada', role: 'admin', payloads: 'full' };
    const ids = Array.from({ length: 1_000 }, () => sessions.begin(user).id);
    now += 59 * 60_000;
    expect(sessions.find(sessions.begin(user).id)).toBeDefined();
    now += 60_000;
    expect(sessions.find(ids[500] ?? ''), 'to make room is no use of it').toBeUndefined();
  });
});

describe('anonymous access', () => {
  const { admin } = open({ anonymous: { role: 'viewer', payloads: 'none' } });
  const ask = async (headers: Record<string, string>, remoteAddress: string | undefined) =>
    (await admin.fetch(new Request(`${ORIGIN}/api/overview`, { headers }), { remoteAddress })).status;

  test.each(['localhost', 'localhost:4466', '127.0.0.1:1', '[::1]:4466', 'LOCALHOST'])('is for %s', async (host) => {
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) expect(await ask({ host }, address)).toBe(200);
  });

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.7',
    '[::2]',
    '127.evil.example',
    '',
    '0.0.0.0',
    'localhost:1@evil.example',
  ])('is not for the name "%s", which may be one that a foreign page has given this machine', async (host) => {
    expect(await ask({ host }, '127.0.0.1')).toBe(401);
  });

  test.each(['10.0.0.7', '192.168.1.1', '::2', '', undefined])('is not for the address %s', async (address) => {
    expect(await ask({ host: 'localhost' }, address)).toBe(401);
  });

  test.each([
    'x-forwarded-for',
    'forwarded',
    'via',
    'x-real-ip',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-forwarded-port',
    'x-client-ip',
    'x-original-host',
    'cf-connecting-ip',
    'true-client-ip',
  ])('is not for what a proxy sends on, with %s', async (name) => {
    expect(await ask({ host: 'localhost', [name]: '127.0.0.1' }, '127.0.0.1')).toBe(401);
  });
});

describe('the access of the application', () => {
  test('is asked for each request', async () => {
    let user: User | undefined = { name: 'Otto', role: 'operator', payloads: 'masked' };
    const { admin } = open({ authenticate: async () => user });
    const client = createClient(admin);
    expect((await client.get('/api/session')).body).toMatchObject({ user: { name: 'Otto' }, canSignIn: false });
    expect((await client.get('/api/overview')).status).toBe(200);
    user = undefined;
    expect((await client.get('/api/overview')).status).toBe(401);
    expect((await client.post('/api/session', { token: TOKEN })).status).not.toBe(200);
  });

  test('counts for nothing where it fails, or says nonsense', async () => {
    const failing = open({
      authenticate: () => {
        throw new Error('postgres://secret');
      },
    });
    const reply = await createClient(failing.admin).get('/api/overview');
    expect(reply.status).toBe(500);
    expect(reply.text).not.toContain('secret');
    expect(failing.errors).toHaveLength(1);
    const odd = open({ authenticate: () => ({ name: 'x', role: 'root', payloads: 'full' }) as never });
    expect((await createClient(odd.admin).get('/api/overview')).status).toBe(500);
  });

  test('may look into bodies, say null for nobody, and take its time, but not for ever', async () => {
    const user: User = { name: 'Otto', role: 'admin', payloads: 'masked' };
    const signing = open(
      { authenticate: async (request) => ((await request.text()).includes('x') ? null : user) },
      { isReadOnly: false },
    );
    const client = createClient(signing.admin);
    expect((await client.post('/api/schema/check', {})).status).toBe(202);
    expect((await client.post('/api/schema/check', { x: 1 })).status).toBe(401);
    const hung = open({ authenticate: () => new Promise(() => undefined) }, { requestTimeout: 10 });
    expect((await createClient(hung.admin).get('/api/overview')).status).toBe(503);
  });
});

describe('what every answer says', () => {
  test('how to build the page, where it is not built', async () => {
    const response = createPage('', '/nowhere')('streams');
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('npm run build');
  });

  test('nobody may frame it, load from elsewhere, or sniff', async () => {
    const { admin } = open(ada);
    for (const path of ['/', '/streams/Cart-1', '/api/session', '/api/overview', '/assets/none.js', '/api/nothing']) {
      const { headers } = await createClient(admin).get(path);
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
      );
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
    expect((await createClient(admin).get('/api/session')).headers.get('cache-control')).toBe('no-store');
  });

  test('the page works under any path, and its files are kept for ever', async () => {
    const { admin } = open(ada, { basePath: '/ops/console/' });
    const client = createClient(admin);
    const page = await client.get('/ops/console/projections/cart-summary/1');
    expect(page.text).toContain('<base href="/ops/console/" />');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const script = /src="\.\/(?<path>assets\/[^"]+)"/u.exec(page.text)?.groups?.['path'] ?? '';
    const file = await client.get(`/ops/console/${script}`);
    expect(file.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await client.get('/ops/console')).headers.get('location')).toBe('/ops/console/');
    expect((await client.get('/ops/console/api/session')).status).toBe(200);
    for (const path of ['/', '/ops', '/ops/consolex/', '/api/session'])
      expect((await client.get(path)).status).toBe(404);
    for (const bad of ['console', '/a b', '/a"b', '//x', '/../x?']) {
      expect(() => open(ada, { basePath: bad })).toThrow('is no path such as /console');
    }
  });

  test('nothing more once it is closed', async () => {
    const { admin } = open(ada);
    await admin.close();
    expect((await createClient(admin, TOKEN).get('/api/overview')).status).toBe(503);
  });
});

describe('limits', () => {
  test('of requests and actions hold for each user', async () => {
    const { admin } = open(ada, { limits: { requests: 20, actions: 2 }, isReadOnly: false });
    const client = createClient(admin, TOKEN);
    const body = { nonsense: 1 };
    const posted = [];
    for (let times = 0; times < 3; times += 1) posted.push((await client.post('/api/schema/check', body)).status);
    expect(posted).toEqual([400, 400, 429]);
    const statuses = [];
    for (let times = 0; times < 20; times += 1) statuses.push((await client.get('/api/jobs')).status);
    expect(statuses).toContain(429);
    const other = await admin.fetch(new Request(`${ORIGIN}/api/session`), { ...HERE, remoteAddress: '10.0.0.9' });
    expect(other.status).toBe(200);
  });

  test('of live views hold for each user, and are given back', async () => {
    const { admin } = open(ada, { limits: { streams: 2 } });
    const headers = { authorization: `Bearer ${TOKEN}` };
    const watch = () => admin.fetch(new Request(`${ORIGIN}/api/live`, { headers }), HERE);
    const first = await watch();
    await watch();
    const third = await watch();
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '5']);
    await first.body?.cancel();
    expect((await watch()).status).toBe(200);
    await admin.close();
  });

  test('of time', async () => {
    const { admin, store } = open(ada, {
      requestTimeout: 20,
      health: { details: () => new Promise(() => undefined) },
    });
    expect(await createClient(admin, TOKEN).get('/api/overview')).toMatchObject({
      status: 503,
      body: { code: 'TIMEOUT' },
    });
    await store.close();
  });
});

test('the roles of the guide are those of the table', () => {
  const guide = readFileSync(new URL('../../../docs/console.md', import.meta.url), 'utf8');
  const rows = [...guide.matchAll(/^\| (?<actions>`[^|]+`) +\| `(?<role>viewer|operator|admin)` /gmu)];
  const told = rows.flatMap(({ groups }) =>
    [...(groups?.['actions'] ?? '').matchAll(/`(?<action>[\w-]+)`/gu)].map(({ groups: of }) => [
      of?.['action'],
      groups?.['role'],
    ]),
  );
  expect(Object.fromEntries(told)).toEqual(ACTIONS);
});
