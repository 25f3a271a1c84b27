import { createHash, timingSafeEqual } from 'node:crypto';
import { InvalidArgumentError } from 'mink';
import type { User } from '../api-types.ts';
import type { AccessToken } from './user.ts';

const SHORTEST = 16;
const LONGEST = 1_024;
const SHA256 = /^[0-9a-f]{64}$/iu;

/** Finds whose a token is. Takes as long for a wrong one as for a right one. */
export type TokenFinder = (token: string) => User | undefined;

/** Checks the tokens that were configured; only their hashes are kept. */
export function createTokenFinder(tokens: readonly AccessToken[]): TokenFinder {
  if (tokens.length === 0) throw new InvalidArgumentError('access.tokens', 'is empty: nobody could sign in');
  const known = tokens.map((token) => ({ hash: hashOf(token), user: userOf(token) }));
  return (token) => {
    if (token.length > LONGEST) return undefined;
    const hash = sha256(token);
    let found: User | undefined;
    // All of them are compared: how long it takes tells nothing.
    for (const it of known) if (timingSafeEqual(it.hash, hash)) found = it.user;
    return found;
  };
}

function hashOf({ name, token, sha256: hex }: AccessToken): Buffer {
  if ((token === undefined) === (hex === undefined)) {
    throw new InvalidArgumentError('access.tokens', `of "${name}" needs either a token or its sha256`);
  }
  if (hex !== undefined) {
    if (SHA256.test(hex)) return Buffer.from(hex, 'hex');
    throw new InvalidArgumentError('access.tokens', `of "${name}" has a sha256 that is not 64 hexadecimal digits`);
  }
  if (token !== undefined && token.length >= SHORTEST && token.length <= LONGEST) return sha256(token);
  throw new InvalidArgumentError('access.tokens', `of "${name}" has a token shorter than ${SHORTEST} characters`);
}

function userOf({ name, role, payloads = 'masked' }: AccessToken): User {
  if (name === '') throw new InvalidArgumentError('access.tokens', 'has one without a name');
  return { name, role, payloads };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
