/** The command line cannot be used: what is wrong with it, for whoever wrote it. */
export class UsageError extends Error {}
