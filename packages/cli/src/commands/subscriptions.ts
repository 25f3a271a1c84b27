import type { Command } from 'commander';
import { addConfirmation } from '../confirm.ts';
import type { Context } from '../context.ts';
import { parseStart } from '../option-values.ts';
import { change, list, status, type Verb } from './projections.ts';

const HELP = `
Examples:
  mink subscriptions list                            how far each has come, and who works on it
  mink subscriptions status                          … and how far it is behind; needs "projections" of the config file
  mink subscriptions pause confirmations             stop it, wherever it runs, until it is resumed
  mink subscriptions replay confirmations --from 1200  deliver what comes behind this position again

A replay delivers again what was delivered already: see that the receiver knows event ids. With --from end, what was not
delivered yet is left out.
`;

export function addSubscriptionsCommand(program: Command, context: Context): void {
  const group = program
    .command('subscriptions')
    .description('how deliveries to the outside are doing; pause, resume and replay them')
    .addHelpText('after', HELP);
  group
    .command('list')
    .description('all subscriptions that were ever started')
    .action((_options, command: Command) => list(context, command.optsWithGlobals(), 'subscription'));
  group
    .command('status')
    .description('how far the subscriptions of the config file are behind')
    .action((_options, command: Command) => status(context, command.optsWithGlobals(), 'subscription'));
  const add = (verb: Verb, description: string): Command =>
    group
      .command(verb)
      .description(description)
      .argument('<name>', 'name of the subscription')
      .action((name: string, _options, command: Command) => change(context, command.optsWithGlobals(), { verb, name }));
  add('pause', 'stop a subscription, wherever it runs, until it is resumed');
  add('resume', 'let a paused subscription go on');
  addConfirmation(add('replay', 'deliver the events behind a position again')).requiredOption(
    '--from <point>',
    'a position of the log, "start" or "end"',
    parseStart,
  );
}
