import type { Command } from 'commander';
import { sealStore } from 'mink/postgres';
import { positionText } from '../build-progress.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { findTarget } from '../database.ts';
import { jsonText } from '../json-text.ts';
import { progressOf } from '../progress.ts';

const HELP = `
Goes on where the seal before has ended; appends notice nothing. What it prints, POSITION:ROOT, proves the whole log up to there: keep
it where nobody who can change the database can change it.

Examples:
  mink seal
  mink seal | ssh vault 'cat >> orders.receipts'
  mink verify --seals                        is every event what was sealed?
  mink verify --receipt 120000:5f3a…         is the log what it was when that was printed?
`;

export function addSealCommand(program: Command, context: Context): void {
  program
    .command('seal')
    .description('keep a hash of the log, so that changes of it can be seen')
    .addHelpText('after', HELP)
    .action((_options, command: Command) => seal(context, command.optsWithGlobals()));
}

async function seal(context: Context, options: GlobalOptions): Promise<void> {
  const { signal, stdout, stderr } = context;
  const target = await findTarget(context, options);
  const onProgress = progressOf(context, options, positionText);
  const sealed = await sealStore({ ...target, signal, onProgress });
  if (options.json === true) {
    await stdout.line(jsonText(sealed));
    return;
  }
  await stderr.line(`${counted(sealed.events, 'event')} sealed, up to position ${sealed.position}.`);
  if (sealed.receipt !== undefined) await stdout.line(sealed.receipt);
}
