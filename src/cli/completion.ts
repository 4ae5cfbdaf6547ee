import { Argument } from 'commander'
import type { Page } from './page.ts'

/** Each asks `moorage __complete` what may stand for the last word; where it says nothing, files are offered. */
const scripts = {
  bash: `# moorage completion for bash; in ~/.bashrc: source <(moorage completion bash)
_moorage() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  # Readline takes : and = for ends of words, so --for=condition is three; glue them, and give back what is behind.
  local line="\${COMP_LINE:0:COMP_POINT}" current
  read -ra words <<< "$line"
  words=("\${words[@]:1}")
  [[ $line == *[[:space:]] ]] && words+=("")
  current="\${words[\${#words[@]}-1]}"
  local strip="\${current%"\${COMP_WORDS[COMP_CWORD]}"}"
  COMPREPLY=()
  local reply
  while IFS= read -r reply; do
    COMPREPLY+=("\${reply#"$strip"}")
  done < <(moorage __complete "\${words[@]}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -o default -F _moorage moorage
`,
  zsh: `#compdef moorage
# moorage completion for zsh; in ~/.zshrc: source <(moorage completion zsh)
_moorage() {
  local -a found
  found=("\${(@f)$(moorage __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then
    compadd -Q -- "\${(@)found}"
  else
    _files
  fi
}
compdef _moorage moorage
`,
  fish: `# moorage completion for fish; in ~/.config/fish/config.fish: moorage completion fish | source
function __moorage_complete
    set -l words (commandline -opc) (commandline -ct)
    moorage __complete $words[2..-1] 2>/dev/null
end
complete -c moorage -n 'count (__moorage_complete) >/dev/null' -f -a '(__moorage_complete)'
`,
} as const

/** `moorage completion bash|zsh|fish`. */
export const completion: Page<[keyof typeof scripts]> = {
  define(command) {
    command.addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(scripts)))
  },
  async run(context, [shell]) {
    context.out(scripts[shell])
    return 0
  },
}
