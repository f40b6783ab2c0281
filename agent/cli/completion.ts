// What shells need to complete `fairlead` and `cilium-agent`: a small script each, which asks the program itself for every Tab.
// Imports agent/commands and its siblings. The candidates are the prompt's (agent/repl/complete.ts), those of a running agent among them.
// Invariant: the scripts know no command by name, so they cannot be stale.

import { FairleadError } from '../model/errors.js';
import { defineVerb, type Verb } from '../commands/verb.js';
import { AGENT_FLAGS, RUN_FLAGS } from './settings-flags.js';

/** The word that asks for candidates: `fairlead __complete 'service li'` writes one a line. */
export const COMPLETE_WORD = '__complete';

export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof SHELLS)[number];

/** What follows `fairlead` beside the commands for a running agent. */
export const PROGRAM_VERBS: readonly Verb[] = [
  programVerb('agent', 'run an agent without a prompt', RUN_FLAGS),
  programVerb('repl', 'open a prompt to the agent that runs', AGENT_FLAGS),
  programVerb('completion', 'print the script that completes commands in a shell', {}),
];

function programVerb(words: string, summary: string, flags: Verb['flags']): Verb {
  return defineVerb({ words, summary, examples: [], flags, run: async () => {} });
}

/** Throws FL_E_USAGE for another shell. */
export function completionScript(shell: string | undefined): string {
  const known = SHELLS.find((one) => one === shell);
  if (known !== undefined) return SCRIPTS[known];
  throw new FairleadError('FL_E_USAGE', `completion: ${shell === undefined ? 'no shell is given' : `${shell} is no shell that it knows`}`, {
    hint: `one of ${SHELLS.join(', ')}; for example, in ~/.bashrc: source <(fairlead completion bash)`,
  });
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  // Readline takes '=' and ':' for ends of words: what stands before the last one is there already.
  bash: `_fairlead() {
  local line="\${COMP_LINE:0:COMP_POINT}" current="\${COMP_WORDS[COMP_CWORD]}" candidate
  [[ $current == [=:] ]] && current=
  local whole="\${line##*[[:space:]]}"
  local before="\${whole%"$current"}"
  COMPREPLY=()
  while IFS= read -r candidate; do
    COMPREPLY+=("\${candidate#"$before"}")
  done < <("\${COMP_WORDS[0]}" ${COMPLETE_WORD} "\${line#*[[:space:]]}" 2>/dev/null)
}
complete -o nospace -F _fairlead fairlead cilium-agent
`,
  zsh: `#compdef fairlead cilium-agent
_fairlead() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" ${COMPLETE_WORD} "\${LBUFFER#*[[:space:]]}" 2>/dev/null)}")
  compadd -Q -S '' -- "\${(@)candidates}"
}
compdef _fairlead fairlead cilium-agent
`,
  fish: `function __fairlead_complete
  set -l line (commandline -cp)
  fairlead ${COMPLETE_WORD} (string replace -r '^\\S+\\s' '' -- $line) 2>/dev/null | string trim
end
complete -c fairlead -f -a '(__fairlead_complete)'
complete -c cilium-agent -f -a '(__fairlead_complete)'
`,
  powershell: `Register-ArgumentCompleter -Native -CommandName fairlead, cilium-agent -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $line = $commandAst.ToString().PadRight($cursorPosition).Substring(0, $cursorPosition)
  fairlead ${COMPLETE_WORD} ($line -replace '^\\S+\\s', '') 2>$null | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_.Trim(), $_, 'ParameterValue', $_)
  }
}
`,
};
