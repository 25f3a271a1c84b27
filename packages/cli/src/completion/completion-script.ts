import { quoted } from '../quoted.ts';
import type { CommandNode, Word } from './command-tree.ts';

/** The shells that there are scripts for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof SHELLS)[number];

/** A script that lets a shell complete the commands of a tree. */
export function completionScript(shell: Shell, tree: readonly CommandNode[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(tree);
    case 'zsh':
      return zshScript(tree);
    case 'fish':
      return fishScript(tree);
  }
}

/** Follows the words up to the cursor: which command they name. Values of options are none of its words. (`path` is taken in zsh.) */
function followWords(tree: readonly CommandNode[]): string {
  const valued = [...new Set(tree.flatMap((node) => node.valued.flatMap(({ flags }) => flags)))];
  const steps = tree.slice(1).map(({ path }) => `      ${quoted(path)}) at=${quoted(path)} ;;`);
  return `    if ((skip)); then skip=0; continue; fi
    case "$word" in
      ${valued.join('|')}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "$at $word" in
${steps.join('\n')}
      *) count=$((count + 1)) ;;
    esac`;
}

/** For each option with a value, what that can be: files, where it is free. */
function valuesOf(tree: readonly CommandNode[], choose: (values: readonly string[]) => string): string {
  return tree
    .flatMap(({ path, valued }) =>
      valued.map(
        ({ flags, values }) => `    ${flags.map((flag) => quoted(`${path} ${flag}`)).join('|')}) ${choose(values)} ;;`,
      ),
    )
    .join('\n');
}

function bashScript(tree: readonly CommandNode[]): string {
  const words = tree.map(
    ({ path, commands, options }) => `    ${quoted(path)}) commands=${list(commands)}; options=${list(options)} ;;`,
  );
  const first = tree.filter(({ values }) => values.length > 0);
  const values = first.map(
    (node) => `    ${quoted(node.path)}) ((count == 0)) && commands=${quoted(node.values.join(' '))} ;;`,
  );
  return `# Completion of mink for bash: eval "$(mink completion bash)" in ~/.bashrc
_mink() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}"
  local at=mink commands= options= word skip=0 count=0 i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
${followWords(tree)}
  done
  case "$at $previous" in
${valuesOf(tree, (choices) =>
  choices.length === 0
    ? // Names of files may hold spaces and stars, which an array of what a command says would come apart at.
      `while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current"); return`
    : `COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$current")); return`,
)}
  esac
  case "$at" in
${words.join('\n')}
  esac
  case "$at" in
${values.join('\n')}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
  fi
}
complete -o filenames -F _mink mink mink-admin
`;
}

function list(words: readonly Word[]): string {
  return quoted(words.map(({ text }) => text).join(' '));
}

/** With what each of them is. */
function described(words: readonly Word[]): string {
  return words.map(({ text, description }) => quoted(`${text.replaceAll(':', '\\:')}:${description}`)).join(' ');
}

function zshScript(tree: readonly CommandNode[]): string {
  const words = tree.map(
    ({ path, commands, options, values }) =>
      `    ${quoted(path)}) commands=(${described(commands)}${values.map(quoted).join(' ')}); options=(${described(options)}) ;;`,
  );
  return `#compdef mink mink-admin
# Completion of mink for zsh: mink completion zsh > "\${fpath[1]}/_mink", or eval "$(mink completion zsh)" in ~/.zshrc
_mink() {
  local at=mink word skip=0 count=0
  local -a commands options
  for word in "\${(@)words[2,CURRENT-1]}"; do
${followWords(tree)}
  done
  case "$at \${words[CURRENT-1]}" in
${valuesOf(tree, (choices) => (choices.length === 0 ? '_files; return' : `compadd -- ${choices.map(quoted).join(' ')}; return`))}
  esac
  case "$at" in
${words.join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then _describe option options; else _describe command commands; fi
}
if [[ $funcstack[1] == _mink ]]; then _mink "$@"; else compdef _mink mink mink-admin; fi
`;
}

function fishScript(tree: readonly CommandNode[]): string {
  const valued = [...new Set(tree.flatMap((node) => node.valued.flatMap(({ flags }) => flags)))];
  const paths = tree.slice(1).map(({ path }) => `      case ${quoted(path)}\n        set at ${quoted(path)}`);
  const lines = tree.flatMap((node) => {
    const at = `-n ${quoted(`test (__mink_at) = "${node.path}"`)}`;
    const choices = new Map(node.valued.flatMap(({ flags, values }) => flags.map((flag) => [flag, values] as const)));
    return [
      ...node.commands.map(
        ({ text, description }) => `complete -c mink -f ${at} -a ${quoted(text)} -d ${quoted(description)}`,
      ),
      ...node.values.map((value) => `complete -c mink -f ${at} -a ${quoted(value)}`),
      ...node.options.map(({ text, description }) => {
        const flag = text.startsWith('--') ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`;
        const values = choices.get(text);
        const value = values === undefined ? '' : values.length === 0 ? ' -r' : ` -x -a ${quoted(values.join(' '))}`;
        return `complete -c mink ${at} ${flag}${value} -d ${quoted(description)}`;
      }),
    ];
  });
  return `# Completion of mink for fish: mink completion fish > ~/.config/fish/completions/mink.fish
function __mink_at
  set at mink
  set skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${valued.map(quoted).join(' ')}
        set skip 1
        continue
      case '-*'
        continue
    end
    switch "$at $word"
${paths.join('\n')}
    end
  end
  echo $at
end
${lines.join('\n')}
complete -c mink-admin -w mink
`;
}
