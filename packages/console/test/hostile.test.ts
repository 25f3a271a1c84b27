import { appendFileSync } from 'node:fs';
import {
  array,
  assert as check,
  asyncProperty,
  constantFrom,
  dictionary,
  jsonValue,
  oneof,
  option,
  string,
} from 'fast-check';
import { createEventStore, type EventStorage } from 'mink';
import { createPostgresStorage } from 'mink/postgres';
import { expect, test } from 'vitest';
import { describePostgres, lastServer, openClient } from '../../mink/test/support/databases.ts';
import { createConsole } from '../src/index.ts';
import { ENDPOINTS, STREAMS, type Endpoint } from './hostile/endpoints.ts';
import { HOSTILE_REQUESTS, type HostileRequest, type Parts } from './hostile/requests.ts';
import { HOSTILE_JSON, HOSTILE_TEXTS } from './hostile/values.ts';
import { memoryAudit } from './support/audit.ts';
import { cart, CartCount, categories, fillCarts, nextSummary, projectCarts, SECRET, summary } from './support/carts.ts';
import { createClient, HERE, ORIGIN } from './support/client.ts';

const TOKEN = 'admin-token-00001';
const ENDLESS = 1_000_000_000;
/** Everything in every place; otherwise each in one place of each endpoint, but for what databases and cursors trip over. */
const IS_WHOLE = process.env['FUZZ_REPORT'] !== undefined;
const EVERYWHERE: ReadonlySet<string> = new Set(['cursors', 'control characters']);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);

/** What no answer may hold: payloads, statements, stacks, files and connections. */
const LEAKS = [
  new RegExp(SECRET, 'u'),
  /\bselect\b.*\bfrom\b(?! pg_)/iu,
  /\binsert into\b|\bmink\.(?:events|streams)\b(?!;)/iu,
  /\n? +at .+:\d+:\d+/u,
  /node_modules|packages\/|\.ts:\d/u,
  /postgres(?:ql)?:\/\//u,
  /SQLSTATE|invalid input syntax|byte sequence/iu,
  /root:x:0/u,
];

/** One line of the table: an input, and what became of it at all endpoints. */
interface Line {
  readonly group: string;
  readonly name: string;
  readonly statuses: Map<number, number>;
}

const lines = new Map<string, Line>();

function record(group: string, name: string, status: number): void {
  const key = `${group}: ${name}`;
  const line = lines.get(key) ?? { group, name, statuses: new Map<number, number>() };
  line.statuses.set(status, (line.statuses.get(status) ?? 0) + 1);
  lines.set(key, line);
}

describePostgres(
  'hostile requests get nothing and change nothing',
  (databases) => {
    const open = async () => {
      const url = await databases.create();
      const storage: EventStorage = createPostgresStorage({ url });
      const store = createEventStore(storage, { categories });
      await fillCarts(store);
      await projectCarts(store);
      const unexpected: unknown[] = [];
      const admin = createConsole({
        store,
        access: { tokens: [{ token: TOKEN, name: 'Ada', role: 'admin', payloads: 'full' }] },
        projections: [summary, nextSummary],
        deciders: [cart],
        aggregates: [CartCount],
        audit: memoryAudit().log,
        isReadOnly: false,
        limits: { requests: ENDLESS, actions: ENDLESS, signIns: ENDLESS, streams: ENDLESS },
        onError: (error) => unexpected.push(error),
      });
      const client = createClient(admin, TOKEN);
      const csrf = await client.csrfToken();
      await client.get('/api/overview');
      const before = await checksums(url);
      const close = async (): Promise<void> => {
        await admin.close();
        expect(unexpected).toEqual([]);
        expect(await checksums(url), 'nothing in the database has changed').toEqual(before);
        await store.close();
      };
      /** Sends a request, and gives back its status. Nothing of what it says may be a secret. */
      const send = async (parts: Parts, what: string): Promise<number> => {
        const request = build(parts);
        if (request === undefined) return 400;
        const response = await admin.fetch(request, HERE);
        const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
        if (isStream) {
          await response.body?.cancel();
          return response.status;
        }
        const text = await response.text();
        const said = withoutWhatWasSent(text);
        const wrong = [
          response.status >= 500 && 'it failed',
          LEAKS.some((leak) => leak.test(said)) && 'it told a secret',
          response.headers.get('content-security-policy')?.includes("default-src 'none'") !== true &&
            'it has no policy',
          response.headers.has('access-control-allow-origin') && 'another origin may read it',
        ].find((it) => it !== false);
        if (wrong !== undefined) {
          const asked = `${parts.method} ${parts.url.slice(0, 300)} ${String(parts.body).slice(0, 300)}`;
          throw new Error(`${what}: ${wrong}: ${asked} gave ${response.status} ${text.slice(0, 300)}`);
        }
        return response.status;
      };
      return { send, csrf, close };
    };

    test('in every part of every endpoint', { timeout: 300_000 }, async () => {
      const { send, csrf, close } = await open();
      for (const endpoint of [...ENDPOINTS, ...STREAMS]) {
        for (const [at, { group, text, isRaw = false }] of HOSTILE_TEXTS.entries()) {
          const all = withText(endpoint, { text, isRaw }, csrf);
          const some = all.filter((_, index) => IS_WHOLE || EVERYWHERE.has(group) || index === at % all.length);
          for (const parts of some) record(group, text, await send(parts, text));
        }
        for (const { group, name, value } of HOSTILE_JSON) {
          for (const parts of withValue(endpoint, value, csrf)) {
            const status = await send(parts, name);
            expect(status, `${name} in a body of ${endpoint.route}`).toBeGreaterThanOrEqual(400);
            record(group, name, status);
          }
        }
      }
      await close();
    });

    test('around every endpoint', { timeout: 300_000 }, async () => {
      const { send, csrf, close } = await open();
      for (const endpoint of [...ENDPOINTS, ...STREAMS]) {
        for (const hostile of HOSTILE_REQUESTS) {
          const status = await send(hostile.change(partsOf(endpoint, csrf)), hostile.name);
          const wanted = wantedOf(hostile, endpoint);
          expect(wanted ?? [status], `${hostile.name} at ${endpoint.method} ${endpoint.route}`).toContain(status);
          record(hostile.group, hostile.name, status);
        }
      }
      await close();
      expect(lines.size, 'inputs that were tried').toBeGreaterThanOrEqual(200);
      writeTable();
    });

    test(`${RUNS} that are made up`, { timeout: 300_000 }, async () => {
      const { send, csrf, close } = await open();
      const anything = oneof(
        string({ unit: 'binary', maxLength: 40 }),
        constantFrom(...HOSTILE_TEXTS.map(({ text }) => text)),
      );
      const requests = asyncProperty(
        constantFrom(...ENDPOINTS),
        array(anything, { maxLength: 4 }),
        dictionary(anything, anything, { maxKeys: 4 }),
        option(jsonValue({ maxDepth: 4 })),
        async (endpoint, segments, query, body) => {
          const names = Object.keys(endpoint.path ?? {});
          const path = Object.fromEntries(names.map((name, at) => [name, encode(segments[at] ?? 'x')]));
          const parameters = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
          const url = `${ORIGIN}${fill(endpoint.route, path)}?${parameters.join('&')}`;
          const text = endpoint.method === 'GET' ? undefined : JSON.stringify(body ?? null);
          await send({ ...partsOf(endpoint, csrf), url, body: text }, 'made up');
        },
      );
      // fast-check prints the seed of a failure.
      await check(requests, { numRuns: RUNS });
      await close();
    });
  },
  lastServer(),
);

/** The table of what was tried, for `npm run console:fuzz`. */
function writeTable(): void {
  const path = process.env['FUZZ_REPORT'];
  if (path === undefined) return;
  for (const { group, name, statuses } of lines.values()) {
    appendFileSync(path, `${JSON.stringify({ group, name, statuses: Object.fromEntries(statuses) })}\n`);
  }
}

/** Names that were not found are told again; and the doctor says which commands mend what it has found. */
function withoutWhatWasSent(text: string): string {
  const sent = HOSTILE_TEXTS.flatMap(({ text: one }) =>
    one.length < 4 ? [] : [one, JSON.stringify(one).slice(1, -1)],
  );
  const bare = text.replaceAll(/"mend":"(?:[^"\\]|\\.)*"/gu, '');
  return sent.reduce((said, one) => said.replaceAll(one, ''), bare);
}

/** Undefined where anything below 500 will do. Who one is may be asked by anybody. */
function wantedOf(
  { group, changes, reads }: HostileRequest,
  { method, route }: Endpoint,
): readonly number[] | undefined {
  if (group === 'wrong and forged credentials' && route === '/api/session') return undefined;
  return method === 'GET' ? reads : changes;
}

/** An endpoint as it should be asked. */
function partsOf({ method, route, path = {}, query = {}, body }: Endpoint, csrf: string): Parts {
  const parameters = new URLSearchParams(query).toString();
  return {
    method,
    url: `${ORIGIN}${fill(route, path)}${parameters === '' ? '' : `?${parameters}`}`,
    headers: {
      host: 'localhost:4466',
      authorization: `Bearer ${TOKEN}`,
      ...(method === 'GET' ? {} : { 'content-type': 'application/json', 'x-mink-csrf': csrf }),
    },
    body: method === 'GET' ? undefined : JSON.stringify(body ?? {}),
  };
}

function fill(route: string, path: Readonly<Record<string, string>>): string {
  return route.replaceAll(/:(?<name>\w+)/gu, (_all, name: string) => path[name] ?? '');
}

/** The request with a text in the place of each part of its path, each parameter, and each text of its body. */
function withText(
  endpoint: Endpoint,
  { text, isRaw }: { readonly text: string; readonly isRaw: boolean },
  csrf: string,
): readonly Parts[] {
  const { path = {}, query = {}, body = {} } = endpoint;
  const whole = partsOf(endpoint, csrf);
  const put = isRaw ? text : encode(text);
  const inPath = Object.keys(path).map((name) => ({
    ...whole,
    url: `${ORIGIN}${fill(endpoint.route, { ...path, [name]: put })}`,
  }));
  const inQuery = Object.keys(query).map((name) => {
    const others = Object.entries(query).filter(([other]) => other !== name);
    const parameters = [...others.map(([other, value]) => `${other}=${encode(value)}`), `${name}=${put}`];
    return { ...whole, url: `${ORIGIN}${fill(endpoint.route, path)}?${parameters.join('&')}` };
  });
  return [...inPath, ...inQuery, ...Object.keys(body).map((name) => withMember(whole, body, { name, value: text }))];
}

function withValue(endpoint: Endpoint, value: unknown, csrf: string): readonly Parts[] {
  const { body = {} } = endpoint;
  const whole = partsOf(endpoint, csrf);
  return Object.keys(body).map((name) => withMember(whole, body, { name, value }));
}

function withMember(
  parts: Parts,
  body: Readonly<Record<string, unknown>>,
  { name, value }: { readonly name: string; readonly value: unknown },
): Parts {
  return { ...parts, body: JSON.stringify({ ...body, [name]: value }) };
}

/** Half surrogate pairs cannot be encoded. */
function encode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '?'));
}

/** Undefined where no request can be made of it at all. */
function build({ method, url, headers, body }: Parts): Request | undefined {
  try {
    return new Request(url, { method, headers, ...(body === undefined || method === 'GET' ? {} : { body }) });
  } catch {
    return undefined;
  }
}

/** What every table holds. */
async function checksums(url: string): Promise<Readonly<Record<string, string>>> {
  const client = await openClient(url);
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname like 'mink%' order by 1`,
    );
    const sums: Record<string, string> = {};
    for (const { name } of tables) {
      const sql = `select count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as sum from ${name} t`;
      sums[name] = (await client.query<{ sum: string }>(sql)).rows[0]?.sum ?? '';
    }
    return sums;
  } finally {
    await client.end();
  }
}
