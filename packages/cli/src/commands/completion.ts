import { Argument, type Command } from 'commander';
import { commandTree } from '../completion/command-tree.ts';
import { completionScript, SHELLS, type Shell } from '../completion/completion-script.ts';
import type { Context } from '../context.ts';

const HELP = `
Made from the commands of this version; needs no database.

Examples:
  mink completion bash           for bash: eval "$(mink completion bash)" in ~/.bashrc
  mink completion zsh            for zsh: eval "$(mink completion zsh)" in ~/.zshrc, behind compinit
  mink completion fish > ~/.config/fish/completions/mink.fish
`;

export function addCompletionCommand(program: Command, { stdout }: Context): void {
  program
    .command('completion')
    .description('a script that lets your shell complete commands and options')
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => stdout.write(completionScript(shell, commandTree(program))));
}
