export { ACTIONS } from './access/actions.ts';
export type { Access, AccessToken } from './access/user.ts';
export type * from './api-types.ts';
export { Console, createConsole } from './create-console.ts';
export { isLoopback, type Connection } from './http/own-request.ts';
export type { Limits } from './http/rate-limits.ts';
export type { AggregateToShow, ConsoleOptions, ConsoleStore } from './options.ts';
