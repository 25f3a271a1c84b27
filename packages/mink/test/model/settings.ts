import { appendFileSync } from 'node:fs';

/** How the model tests are to be run; see `npm run test:model`. */
export interface ModelSettings {
  /** Of the random commands: `SEED`, or a new one. */
  readonly seed: number;
  /** Commands of the long form: `MODEL_COMMANDS`; undefined for the short form, as in `npm test`. */
  readonly long: number | undefined;
}

let settings: ModelSettings | undefined;

export function modelSettings(): ModelSettings {
  const commands = process.env['MODEL_COMMANDS'];
  settings ??= {
    seed: Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31)),
    long: commands === undefined ? undefined : Number(commands),
  };
  return settings;
}

/** Tells `npm run test:model` what was done. */
export function reportRun(run: { readonly executed: number; readonly failures: number }): void {
  const path = process.env['MODEL_REPORT'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(run)}\n`);
}
