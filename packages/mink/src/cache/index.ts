export { createStateCache } from './create-state-cache.ts';
export type { StateCacheOptions } from './create-state-cache.ts';
