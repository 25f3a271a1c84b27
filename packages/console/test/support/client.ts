import type { Console, Connection } from '../../src/index.ts';

export const ORIGIN = 'http://localhost:4466';
export const HERE: Connection = { remoteAddress: '127.0.0.1' };

/** An answer, read. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests compare it
  readonly body: any;
}

/** Somebody who uses a console with a token, or without one. */
export function createClient(console: Pick<Console, 'fetch'>, token?: string) {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let csrf: string | undefined;
  const send = async (path: string, init: RequestInit = {}): Promise<Reply> => {
    const headers = { host: 'localhost:4466', ...authorization, ...Object.fromEntries(new Headers(init.headers)) };
    const response = await console.fetch(new Request(`${ORIGIN}${path}`, { ...init, headers }), HERE);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
  };
  const csrfToken = async (): Promise<string> => (csrf ??= String((await send('/api/session')).body.csrfToken));
  const post = async (path: string, body: unknown = {}): Promise<Reply> =>
    send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-mink-csrf': await csrfToken() },
      body: JSON.stringify(body),
    });
  return {
    send,
    post,
    csrfToken,
    get: (path: string) => send(path),
    /** Posts, and waits until the job has ended. */
    async run(path: string, body?: unknown): Promise<Reply> {
      const begun = await post(path, body);
      if (begun.status !== 202) return begun;
      for (;;) {
        const job = await send(`/api/jobs/${begun.body.id}`);
        if (job.body.state !== 'running') return job;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}
