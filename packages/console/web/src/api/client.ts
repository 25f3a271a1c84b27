import type { Problem } from '../../../src/api-types.ts';
import { toSegment } from '../../../src/api-paths.ts';

/** What the console answered instead of what was asked for, or that it could not be reached. */
class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

export type Query = Readonly<Record<string, string | number | undefined>>;

const state: { csrfToken: string | undefined; onSignedOut: () => void } = {
  csrfToken: undefined,
  onSignedOut: () => {},
};

/** To be sent with everything that changes something. */
export function setCsrfToken(token: string | undefined): void {
  state.csrfToken = token;
}

/** Called when the console says that it does not know this user any more. */
export function onSignedOut(callback: () => void): void {
  state.onSignedOut = callback;
}

/** A path of the API, of names that may hold anything. */
export const apiPath = (...names: readonly (string | number)[]): string => names.map(toSegment).join('/');

/** The path of the API with its query, without what is undefined or empty. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Where a path of the API is, wherever the console is mounted. */
export function apiUrl(path: string): URL {
  return new URL(`api/${path}`, document.baseURI);
}

/** Asks for something. Throws {@link ProblemError}; what is aborted throws what `fetch` does. */
export function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return send<T>(path, { method: 'GET', ...(signal === undefined ? {} : { signal }) });
}

/** Does something, or throws {@link ProblemError}. */
export function postJson<T>(path: string, body: object = {}): Promise<T> {
  return send<T>(path, { method: 'POST', headers: changing(), body: JSON.stringify(body) });
}

/** Takes something away, or throws {@link ProblemError}. */
export function deleteJson<T>(path: string): Promise<T> {
  return send<T>(path, { method: 'DELETE', headers: changing() });
}

function changing(): Record<string, string> {
  return {
    'content-type': 'application/json',
    ...(state.csrfToken === undefined ? {} : { 'x-mink-csrf': state.csrfToken }),
  };
}

async function send<T>(path: string, init: RequestInit): Promise<T> {
  const response = await reach(path, init);
  if (response.ok) return response.status === 204 ? JSON.parse('null') : response.json();
  const problem = await problemOf(response);
  if (response.status === 401 && path !== 'session') state.onSignedOut();
  throw new ProblemError(problem);
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(apiUrl(path), { ...init, credentials: 'same-origin' });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    const message = 'The console cannot be reached. It has ended, or the network is away; nothing was changed.';
    throw new ProblemError({ code: 'UNREACHABLE', message });
  }
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body: Problem = await response.json();
    if (typeof body.message === 'string') return body;
  } catch {
    // Not from the console, but from something in front of it.
  }
  return { code: `HTTP_${response.status}`, message: `The answer was ${response.status} ${response.statusText}.` };
}

/** What to show of whatever was thrown. */
export function asProblem(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return { code: 'UNEXPECTED', message: error instanceof Error ? error.message : String(error) };
}
