import { Argument, Command } from 'commander';

interface Words {
  readonly command: Command;
  /** Names from the program's to the command's, such as `nestbit shrink start`. */
  readonly path: string;
}

/** `completion`: a script that completes commands and options in a shell. */
export function completionCommand(): Command {
  const command = new Command('completion')
    .description('print a completion script, for: source <(nestbit completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh', 'fish']));
  return command.action((shell: string) => {
    const root = command.parent as Command;
    const words = wordsOf(root, root.name());
    process.stdout.write(shell === 'fish' ? fishScript(words) : bashScript(words, shell));
  });
}

function wordsOf(command: Command, path: string): Words[] {
  return [{ command, path }, ...command.commands.flatMap((sub) => wordsOf(sub, `${path} ${sub.name()}`))];
}

/** zsh runs the functions of bash by its own bashcompinit. */
function bashScript(words: readonly Words[], shell: string): string {
  const cases = words.map(({ command, path }) => {
    const options = command.options.map(({ long, short }) => long ?? short);
    const names = command.commands.map((sub) => sub.name());
    return `    '${path}') words='${[...names, ...options, '--help'].join(' ')}' ;;\n`;
  });
  const known = words.map(({ path }) => `'${path}'`).join('|');
  const setup = shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : '';
  return `${setup}_nestbit() {
  local at=nestbit word words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="$at \${COMP_WORDS[i]}"
    case "$word" in
    ${known}) at=$word ;;
    esac
  done
  case "$at" in
${cases.join('')}  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _nestbit nestbit
`;
}

function fishScript(words: readonly Words[]): string {
  const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const lines = words.flatMap(({ command, path }) => {
    const above = path.split(' ').slice(1);
    const within = above.map((name) => `__fish_seen_subcommand_from ${name}`);
    const names = command.commands.map((sub) => sub.name());
    const free = names.length === 0 ? [] : [`not __fish_seen_subcommand_from ${names.join(' ')}`];
    const when = [...within, ...free].join('; and ');
    const start = `complete -c nestbit${when === '' ? '' : ` -n ${quoted(when)}`}`;
    return [
      ...command.commands.map((sub) => `${start} -f -a ${sub.name()} -d ${quoted(sub.description())}`),
      ...command.options.map(({ long, short, description }) => {
        const flag = long === undefined ? `-s ${short?.slice(1)}` : `-l ${long.slice(2)}`;
        return `${start} ${flag} -d ${quoted(description)}`;
      }),
    ];
  });
  return `${lines.join('\n')}\n`;
}
