/** An endpoint of the admin API with everything that can be given to it, right as it is: one part at a time is made hostile. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `:name` is replaced by `path.name`. */
  readonly route: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

const payloads = 'masked';
const summary = { name: 'cart-summary', version: '1' };
const parked = { projection: 'cart-summary', version: '1', key: 'Cart-2' };
const stream = { name: 'Cart-1' };
const job = { id: '00000000-0000-4000-8000-000000000000' };
const page = { after: 'x', limit: '10' };
const compare = { samples: 5, sample: 2, seed: 1, timeout: 1_000, against: 1 };
const speed = { rate: 1_000, batchSize: 10 };
/** Not what it has to be, so that what is otherwise right changes nothing. */
const confirm = 'another-name';
const count = 999;

/** All of them. What would do something if it were whole lacks its right confirmation. */
export const ENDPOINTS: readonly Endpoint[] = [
  { method: 'GET', route: '/api/session' },
  { method: 'GET', route: '/api/overview' },
  { method: 'GET', route: '/api/samples', query: { since: '0' } },
  { method: 'GET', route: '/api/health' },
  { method: 'GET', route: '/api/processes' },
  { method: 'GET', route: '/api/doctor' },
  { method: 'GET', route: '/api/projections' },
  { method: 'GET', route: '/api/projections/:name/:version', path: summary },
  { method: 'POST', route: '/api/projections/:name/:version/reset', path: summary, body: { confirm } },
  { method: 'POST', route: '/api/projections/:name/:version/partition', path: summary, body: { partitions: 999 } },
  { method: 'POST', route: '/api/projections/:name/:version/build', path: summary, body: { ...speed, extra: 1 } },
  { method: 'POST', route: '/api/projections/:name/:version/rebuild', path: summary, body: { confirm, ...speed } },
  { method: 'POST', route: '/api/projections/:name/:version/compare', path: summary, body: { ...compare, extra: 1 } },
  { method: 'POST', route: '/api/projections/:name/:version/what-if', path: summary, body: { ...compare, extra: 1 } },
  { method: 'POST', route: '/api/projections/:name/:version/verify', path: summary, body: { isDeep: true, extra: 1 } },
  { method: 'POST', route: '/api/projections/:name/:version/switch', path: summary, body: { confirm, isForced: true } },
  { method: 'POST', route: '/api/projections/:name/:version/rollback', path: summary, body: { confirm } },
  { method: 'POST', route: '/api/projections/:name/:version/retire', path: summary, body: { confirm, isForced: true } },
  { method: 'POST', route: '/api/projections/:name/:version/plan', path: summary, body: { extra: 1 } },
  { method: 'POST', route: '/api/projections/:name/:version/pause', path: summary, body: { extra: 1 } },
  { method: 'POST', route: '/api/projections/:name/:version/resume', path: summary, body: { extra: 1 } },
  { method: 'GET', route: '/api/jobs' },
  { method: 'GET', route: '/api/jobs/:id', path: job, query: { payloads } },
  { method: 'POST', route: '/api/jobs/:id/cancel', path: job, body: {} },
  { method: 'GET', route: '/api/dead-letters', query: { projection: 'cart-summary', version: '1', ...page } },
  { method: 'GET', route: '/api/dead-letters/:projection/:version/:key', path: parked, query: { payloads } },
  { method: 'POST', route: '/api/dead-letters/:projection/:version/:key/dry-run', path: parked, body: { extra: 1 } },
  {
    method: 'POST',
    route: '/api/dead-letters/:projection/:version/:key/retry',
    path: parked,
    body: { confirm: count },
  },
  {
    method: 'POST',
    route: '/api/dead-letters/:projection/:version/:key/discard',
    path: parked,
    body: { confirm: count, reason: 'test' },
  },
  {
    method: 'POST',
    route: '/api/dead-letters/:projection/:version/retry-all',
    path: { projection: 'cart-summary', version: '1' },
    body: { confirm: count },
  },
  { method: 'GET', route: '/api/streams', query: { search: 'Cart-', category: 'Cart', order: 'name', ...page } },
  { method: 'GET', route: '/api/categories' },
  { method: 'GET', route: '/api/streams/:name', path: stream },
  {
    method: 'GET',
    route: '/api/streams/:name/events',
    path: stream,
    query: { from: '1', limit: '10', direction: 'forwards', payloads },
  },
  {
    method: 'GET',
    route: '/api/streams/:name/states',
    path: stream,
    query: { fold: 'Cart', from: '1', limit: '10', payloads },
  },
  {
    method: 'GET',
    route: '/api/events',
    query: { after: '0', categories: 'Cart', types: 'ItemAdded', stream: 'Cart-1', limit: '10', payloads },
  },
  { method: 'GET', route: '/api/events', query: { before: '100', payloads } },
  { method: 'GET', route: '/api/events/:position', path: { position: '1' }, query: { payloads } },
  { method: 'GET', route: '/api/events/:position/why', path: { position: '1' }, query: { payloads } },
  { method: 'GET', route: '/api/snapshots', query: { category: 'Cart', stream: 'Cart-1', ...page } },
  { method: 'GET', route: '/api/schema' },
  { method: 'POST', route: '/api/schema/check', body: { extra: 1 } },
  {
    method: 'GET',
    route: '/api/audit',
    query: {
      kinds: 'action',
      type: 'retry',
      userId: 'ada',
      status: 'refused',
      stream: 'Cart-1',
      before: '9',
      limit: '10',
    },
  },
];

/** The two that go on: they are tried with what is wrong only. */
export const STREAMS: readonly Endpoint[] = [
  { method: 'GET', route: '/api/live' },
  {
    method: 'GET',
    route: '/api/events/tail',
    query: { categories: 'Cart', types: 'ItemAdded', stream: 'Cart-1', payloads },
  },
];
