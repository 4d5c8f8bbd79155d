# Completion of lapsed for bash: the program itself tells what may come next.
_lapsed() {
    # bash takes words apart at colons and =, and targets have them: put together what stands together.
    local rest="$COMP_LINE" words=() word i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if [[ $i -gt 0 && "$rest" != [[:space:]]* ]]; then
            words[${#words[@]} - 1]+="$word"
        else
            words+=("$word")
            rest="${rest#"${rest%%[![:space:]]*}"}"
        fi
        rest="${rest#"$word"}"
    done
    local current=$((${#words[@]} - 1)) quote=""
    local typed="${words[current]}"
    if [[ "$typed" == [\"\']* ]]; then
        quote="${typed:0:1}"
        typed="${typed:1}"
        words[current]="$typed"
    fi

    local IFS=$'\013'
    COMPREPLY=($(_CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX="$current" LAPSED_COMPLETE=bash \
        lapsed -- "${words[@]}" 2>/dev/null)) || COMPREPLY=()

    # What stands before the last colon or = is on the line already, unless it is quoted.
    local before="" reply
    if [[ -z "$quote" && "$COMP_WORDBREAKS" == *:* ]]; then
        before="${typed%"${typed##*[=:]}"}"
    fi
    for i in "${!COMPREPLY[@]}"; do
        reply="${COMPREPLY[i]#"$before"}"
        if [[ -z "$quote" && "$reply" == *[!a-zA-Z0-9@%+=:,./_-]* ]]; then
            printf -v reply '%q' "$reply"
        fi
        COMPREPLY[i]="$reply"
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -o bashdefault -o nosort -F _lapsed lapsed 2>/dev/null ||
    complete -o bashdefault -F _lapsed lapsed
