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
    fi
    # What the line says, without the signs that this completion puts there.
    local said="$typed"
    case "$quote" in
    \") said="${said//\"\'!\'\"/!}" ;;
    \') said="${said//\'\\\'\'/\'}" ;;
    esac
    if [[ "$quote" != \' ]]; then
        local plain="" next
        for ((i = 0; i < ${#said}; i++)); do
            next="${said:i:1}"
            if [[ "$next" == \\ && "$quote" == \" && "${said:i+1:1}" != [\"\$\`\\] ]]; then
                plain+="$next"
            elif [[ "$next" == \\ ]]; then
                ((++i))
                plain+="${said:i:1}"
            elif [[ "$next" == [\"\'\$\`] && ! ("$quote" == \" && "$next" == \') ]]; then
                # The word is quoted in parts, or expands to something: nothing fits for sure.
                COMPREPLY=()
                return 0
            else
                plain+="$next"
            fi
        done
        said="$plain"
    fi
    words[current]="$said"

    # Read as it is: a name with a * is no pattern for files.
    COMPREPLY=()
    IFS=$'\013' read -r -d '' -a COMPREPLY < <(
        _CLAP_IFS=$'\013' _CLAP_COMPLETE_INDEX="$current" LAPSED_COMPLETE=bash \
            lapsed -- "${words[@]}" 2>/dev/null
    )

    # What stands before the last colon or = is on the line already, unless it is quoted.
    local before="" reply
    if [[ -z "$quote" && "$COMP_WORDBREAKS" == *:* ]]; then
        before="${said%"${said##*[=:]}"}"
    fi
    # Names are others' words: as they are put on the line, they must not do anything there.
    for i in "${!COMPREPLY[@]}"; do
        reply="${COMPREPLY[i]#"$before"}"
        case "$quote" in
        \")
            reply="${reply//\\/\\\\}"
            reply="${reply//\"/\\\"}"
            reply="${reply//\$/\\\$}"
            reply="${reply//\`/\\\`}"
            # The history is expanded in double quotes too, and no backslash keeps it from that.
            reply="${reply//!/\"\'!\'\"}"
            ;;
        \') reply="${reply//\'/\'\\\'\'}" ;;
        *)
            if [[ "$reply" == *[!a-zA-Z0-9@%+=:,./_-]* ]]; then
                printf -v reply '%q' "$reply"
            fi
            ;;
        esac
        COMPREPLY[i]="$reply"
    done
    if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=/:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
complete -o bashdefault -o nosort -F _lapsed lapsed 2>/dev/null ||
    complete -o bashdefault -F _lapsed lapsed
