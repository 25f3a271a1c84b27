import type { Argument, Command, Option } from 'commander';

/** What can be typed, and what it is. */
export interface Word {
  readonly text: string;
  readonly description: string;
}

/** What can come behind the words of a command. */
export interface CommandNode {
  /** The words so far, as in `mink projections`. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
  /** Options that take a value, with what the value can be; empty where it is free. */
  readonly valued: readonly { readonly flags: readonly string[]; readonly values: readonly string[] }[];
  /** What its first argument can be; empty where it is free. */
  readonly values: readonly string[];
}

/** A command and all commands below it, as its help shows them. */
export function commandTree(command: Command, parents: readonly Command[] = []): readonly CommandNode[] {
  const help = command.createHelp();
  const all = [command, ...parents];
  const path = all
    .map((it) => it.name())
    .toReversed()
    .join(' ');
  const options = all.flatMap((it, index) => {
    const visible = help.visibleOptions(it);
    // Of what is above, only what holds for everything below it.
    return index === 0
      ? visible
      : visible.filter((option) => it.options.includes(option) && option.long !== '--version');
  });
  const below = help.visibleCommands(command);
  const node = {
    path,
    commands: below.map((it) => ({ text: it.name(), description: it.description() })),
    options: options.flatMap((option) => flagsOf(option).map((text) => ({ text, description: option.description }))),
    valued: options.filter(takesValue).map((option) => ({ flags: flagsOf(option), values: option.argChoices ?? [] })),
    values: choicesOf(command.registeredArguments[0]),
  };
  const children = command.commands.filter((it) => below.includes(it));
  return [node, ...children.flatMap((it) => commandTree(it, all))];
}

function flagsOf({ short, long }: Option): readonly string[] {
  return [short, long].filter((flag) => flag !== undefined && flag !== null);
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function choicesOf(argument: Argument | undefined): readonly string[] {
  return argument?.argChoices ?? [];
}
