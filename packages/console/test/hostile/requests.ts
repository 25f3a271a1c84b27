import { ORIGIN } from '../support/client.ts';

/** A request as it is about to be sent. */
export interface Parts {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | undefined;
}

/** Something that is done to each request. */
export interface HostileRequest {
  readonly group: string;
  readonly name: string;
  /** What requests that would change something are answered with; without it, anything below 500. */
  readonly changes?: readonly number[] | undefined;
  /** The same for those that only read. */
  readonly reads?: readonly number[] | undefined;
  readonly change: (parts: Parts) => Parts;
}

type Headers = Readonly<Record<string, string | undefined>>;

function withHeaders(parts: Parts, headers: Headers): Parts {
  const all: Record<string, string> = { ...parts.headers };
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) delete all[name];
    else all[name] = value;
  }
  return { ...parts, headers: all };
}

const ANYTHING = undefined;

/** Cross-site: what a foreign page can make a browser send, and what it cannot but somebody may try. */
const foreign = (name: string, headers: Headers, reads: readonly number[] | undefined): HostileRequest => ({
  group: 'CSRF and foreign origins',
  name,
  changes: [403],
  reads,
  change: (parts) => withHeaders(parts, headers),
});

const nobody = (name: string, headers: Headers): HostileRequest => ({
  group: 'wrong and forged credentials',
  name,
  changes: [401, 403],
  reads: [401],
  change: (parts) => withHeaders(parts, { authorization: undefined, ...headers }),
});

const content = (name: string, body: string | Uint8Array<ArrayBuffer>, headers: Headers = {}): HostileRequest => ({
  group: 'bodies',
  name,
  changes: [400, 413, 415],
  change: (parts) => (parts.method === 'GET' ? parts : { ...withHeaders(parts, headers), body }),
});

const method = (name: string): HostileRequest => ({
  group: 'methods',
  name,
  changes: [403, 404, 405],
  reads: [403, 404, 405],
  change: (parts) => ({ ...parts, method: name, body: undefined }),
});

const header = (name: string, headers: Headers): HostileRequest => ({
  group: 'headers',
  name,
  change: (parts) => withHeaders(parts, headers),
});

const address = (name: string, change: (url: string) => string, changes?: readonly number[]): HostileRequest => ({
  group: 'addresses',
  name,
  changes,
  change: ({ url, ...parts }) => ({ ...parts, url: change(url) }),
});

const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);
const id = 'A'.repeat(43);

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  foreign('no CSRF token', { 'x-mink-csrf': undefined }, ANYTHING),
  foreign('an empty CSRF token', { 'x-mink-csrf': '' }, ANYTHING),
  foreign('a made-up CSRF token', { 'x-mink-csrf': 'A'.repeat(43) }, ANYTHING),
  foreign('a CSRF token of another name', { 'x-mink-csrf': undefined, 'x-csrf-token': 'A'.repeat(43) }, ANYTHING),
  foreign('the origin of another site', { origin: 'https://evil.example' }, [403]),
  foreign('the origin "null"', { origin: 'null' }, [403]),
  foreign('an origin that begins like ours', { origin: `${ORIGIN}.evil.example` }, [403]),
  foreign('an origin that ends like ours', { origin: 'http://evil-localhost:4466' }, [403]),
  foreign('an origin with our name as its user', { origin: 'http://localhost:4466@evil.example' }, [403]),
  foreign('our origin with another port', { origin: 'http://localhost:4467' }, [403]),
  foreign('an origin that is no address', { origin: 'not an origin' }, [403]),
  foreign('an empty origin', { origin: '' }, [403]),
  foreign('sec-fetch-site: cross-site', { 'sec-fetch-site': 'cross-site' }, [403]),
  foreign('sec-fetch-site: same-site', { 'sec-fetch-site': 'same-site' }, [403]),
  foreign('sec-fetch-site: none, for a change', { 'sec-fetch-site': 'none' }, ANYTHING),
  foreign('sec-fetch-site: something new', { 'sec-fetch-site': 'friendly' }, [403]),
  nobody('no token', {}),
  nobody('an empty token', { authorization: 'Bearer ' }),
  nobody('a wrong token', { authorization: 'Bearer wrong-token-0000000001' }),
  nobody('a token of another case', { authorization: 'Bearer ADMIN-TOKEN-00001' }),
  nobody('a part of a token', { authorization: 'Bearer admin-token-0000' }),
  nobody('a token with something behind it', { authorization: 'Bearer admin-token-00001x' }),
  nobody('two tokens', { authorization: 'Bearer admin-token-00001, Bearer admin-token-00001' }),
  nobody('a token as a password', {
    authorization: `Basic ${Buffer.from('admin:admin-token-00001').toString('base64')}`,
  }),
  nobody('a token of another scheme', { authorization: 'Token admin-token-00001' }),
  nobody('a token of a thousand signs', { authorization: `Bearer ${'x'.repeat(1_025)}` }),
  nobody('SQL for a token', { authorization: "Bearer '/**/or/**/'1'='1" }),
  nobody('the hash of a token', {
    authorization: 'Bearer 0a041b9462caa4a31bac3567e0b6e6fd9100787db2ab433d96f6d178cabfce90',
  }),
  nobody('a made-up cookie', { cookie: `mink-console-4466=${id}` }),
  nobody('an empty cookie', { cookie: 'mink-console-4466=' }),
  nobody('a cookie with the token', { cookie: 'mink-console-4466=admin-token-00001' }),
  nobody('a cookie that is JSON', { cookie: 'mink-console-4466={"role":"admin"}' }),
  nobody('a cookie of a thousand signs', { cookie: `mink-console-4466=${'x'.repeat(1_000)}` }),
  nobody('a hundred cookies', { cookie: Array.from({ length: 100 }, () => `mink-console-4466=${id}`).join('; ') }),
  nobody('a cookie with a prototype', { cookie: 'mink-console-4466=__proto__; __proto__=admin' }),
  nobody('headers that name a user', { 'x-user': 'Ada', 'x-forwarded-user': 'Ada', 'x-role': 'admin' }),
  nobody('headers that name an address', { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' }),
  content('no JSON', 'x=1'),
  content('half of some JSON', '{"confirm":'),
  content('an array', '[]'),
  content('a number', '1'),
  content('a text', '"x"'),
  content('null', 'null'),
  content('true', 'true'),
  content('two documents', '{}{}'),
  content('a comment', '{/* */}'),
  content('NaN', '{"confirm":NaN}'),
  content('objects, 100 deep', deep('{"a":', '}', 100).replace('{"a":}', '{}')),
  content('arrays, 30,000 deep', deep('[', ']', 30_000)),
  content('100 kB', JSON.stringify({ confirm: 'x'.repeat(100_000) })),
  content('10 MB', JSON.stringify({ confirm: 'x'.repeat(10_000_000) })),
  content('a prototype', '{"__proto__":{"role":"admin"},"confirm":"x"}'),
  content('a constructor', '{"constructor":{"prototype":{"role":"admin"}},"confirm":"x"}'),
  content('an unknown field', '{"confirm":"another-name","role":"admin"}'),
  content('a byte order mark and no JSON', '\ufeffx'),
  content('NUL bytes', '\u0000'.repeat(100)),
  content('broken UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
  content('UTF-16', new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0])),
  content('gzip', new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), { 'content-encoding': 'gzip' }),
  content('XML with an entity', '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'),
  content('a form', 'confirm=x', { 'content-type': 'application/x-www-form-urlencoded' }),
  content('plain text', '{}', { 'content-type': 'text/plain' }),
  content('no type', '{}', { 'content-type': undefined }),
  content('JSON of another charset', '{}', { 'content-type': 'application/json; charset=utf-16' }),
  content('a part', '--x\r\n\r\n{}\r\n--x--', { 'content-type': 'multipart/form-data; boundary=x' }),
  content('a type with two values', '{}', { 'content-type': 'application/json, text/plain' }),
  content('a longer length than there is', '{"confirm":1,"a":2}', { 'content-length': '999999999' }),
  method('PUT'),
  method('PATCH'),
  method('HEAD'),
  method('OPTIONS'),
  method('PROPFIND'),
  method('get'.toUpperCase().split('').toReversed().join('')),
  method('DELETE'),
  header('a foreign host', { host: 'evil.example' }),
  header('a host with a path', { host: 'localhost:4466/../' }),
  header('an empty host', { host: '' }),
  header('a host with a script', { host: '<script>' }),
  header('x-http-method-override', { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' }),
  header('x-original-url', { 'x-original-url': '/api/session', 'x-rewrite-url': '/api/session' }),
  header('x-forwarded-host', { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'javascript' }),
  header('a range', { range: 'bytes=0-99999999999,1-2' }),
  header('accept: everything else', { accept: 'text/html,application/xhtml+xml' }),
  header('a huge header', { 'x-huge': 'x'.repeat(15_000) }),
  header('an expectation', { expect: '100-continue' }),
  header('an upgrade', { upgrade: 'h2c', connection: 'upgrade' }),
  header('if-match', { 'if-match': '*', 'if-none-match': '"x"', 'if-modified-since': 'yesterday' }),
  header('a trace', { traceparent: `00-${'0'.repeat(32)}-${'0'.repeat(16)}-00` }),
  header('last-event-id', { 'last-event-id': '99999999999999999999' }),
  address('an unknown parameter', (url) => `${url}${url.includes('?') ? '&' : '?'}admin=true`),
  address('a parameter twice', (url) => `${url}${url.includes('?') ? '&' : '?'}limit=1&limit=2`),
  address('a prototype as a parameter', (url) => `${url}${url.includes('?') ? '&' : '?'}__proto__[x]=1`),
  address('two slashes', (url) => url.replace('/api/', '//api//'), [405]),
  address('a slash at the end', (url) => url.replace(/(?<path>\?|$)/u, '/$<path>'), [403, 404]),
  address('another case', (url) => url.replace('/api/', '/API/'), [405, 404]),
  address('a dot segment', (url) => url.replace('/api/', '/api/./x/../')),
  address('an encoded slash', (url) => url.replace('/api/', '/api%2f'), [404, 405]),
  address('a semicolon', (url) => url.replace('/api/', '/api;x=1/'), [404, 405]),
  address('a NUL', (url) => url.replace('/api/', '/api/%00/'), [403, 404]),
  address('a fragment', (url) => `${url}#x`),
  address('20,000 signs', (url) => `${url}${url.includes('?') ? '&' : '?'}x=${'x'.repeat(20_000)}`, [414]),
  address('a thousand parameters', (url) => `${url}?${Array.from({ length: 1_000 }, (_, at) => `p${at}=1`).join('&')}`),
];
