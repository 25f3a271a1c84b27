import { isIP } from 'node:net';
import { Refusal } from './problem.ts';

/** What the server knows of whoever asks, beyond the request. */
export interface Connection {
  /** The address of the other side of the connection. */
  readonly remoteAddress?: string | undefined;
}

const PROXY_HEADER =
  /^(?:forwarded|via|x-real-ip|x-client-ip|x-original-.*|x-forwarded-.*|cf-connecting-ip|true-client-ip)$/u;

/**
 * Refuses what another site makes a browser send. Reads are refused as well: what they cost, and how long they take, is nobody else's
 * business.
 */
export function checkSameSite(request: Request, origins: readonly string[]): void {
  const site = request.headers.get('sec-fetch-site');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (site !== null && site !== 'same-origin' && !(isRead && site === 'none')) throw foreign();
  const origin = request.headers.get('origin');
  if (origin !== null && !isOwn(origin, request, origins)) throw foreign();
}

function foreign(): Refusal {
  return new Refusal(403, 'FOREIGN_ORIGIN', 'Another site has sent this. Open the console itself.');
}

/** By name and port, because a proxy may speak another protocol. */
function isOwn(origin: string, request: Request, origins: readonly string[]): boolean {
  if (origins.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === hostOf(request);
}

function hostOf(request: Request): string {
  return (request.headers.get('host') ?? new URL(request.url).host).toLowerCase();
}

/**
 * Whether somebody at this machine asks, by a name of it. The name, because a foreign page may have a name that leads here; the
 * address, because names can be made up; and the headers of proxies, because behind one everybody comes from here.
 */
export function isFromHere(request: Request, { remoteAddress }: Connection): boolean {
  if (remoteAddress === undefined || !isLoopback(remoteAddress)) return false;
  if ([...request.headers.keys()].some((name) => PROXY_HEADER.test(name))) return false;
  const host = hostOf(request);
  if (!URL.canParse(`http://${host}`)) return false;
  return isLoopback(new URL(`http://${host}`).hostname);
}

/** Whether only this machine can be reached by a name or an address. */
export function isLoopback(host: string): boolean {
  const bare = host
    .toLowerCase()
    .replace(/^\[(?<address>.*)\]$/u, '$<address>')
    .replace(/^::ffff:/u, '');
  if (bare === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}
