/** What the process ends with. */
export const EXIT = {
  ok: 0,
  failed: 1,
  /** An unknown option, or a value that cannot be used. */
  usage: 2,
  /** Ctrl-C before the work was done. */
  interrupted: 130,
};
