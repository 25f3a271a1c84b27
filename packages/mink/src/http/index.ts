export { healthResponse } from './health-response.ts';
export { readToken, TOKEN_HEADER, tokenCookie, writeToken } from './token-headers.ts';
export type {
  FetchHeaders,
  HasToken,
  HeaderRecord,
  TokenCookieOptions,
  TokenSource,
  TokenTarget,
} from './token-headers.ts';
