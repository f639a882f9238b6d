"""Completion of the command ``sshml`` in the shell."""

#: For bash. Hydra's own completes commands of one word only.
BASH = r"""_sshml() {
    local typed=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]} choices
    if (( COMP_CWORD == 1 )); then
        choices="{programs}"
    else
        case ${COMP_WORDS[1]} in
            train | transfer)
                typed=${typed#*"${COMP_WORDS[1]}"}
                choices=$(COMP_LINE="sshml $typed" sshml "${COMP_WORDS[1]}" -sc query=bash 2> /dev/null)
                ;;
        esac
    fi
    COMPREPLY=($(compgen -W "$choices" -- "$word"))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _sshml sshml
"""
