# Completion of tailsplice for bash. The commands and their options are asked from the program itself.

# The values of an option, by what `tailsplice --commands` says it takes.
_tailsplice_value() {
	case $1 in
	*'|'*) COMPREPLY=($(compgen -W "${1//|/ }" -- "$cur")) ;;
	FILE | PATH) COMPREPLY=($(compgen -f -- "$cur")) ;;
	CODE) COMPREPLY=($(compgen -W "$("$program" check --explain 2>/dev/null | cut -d ' ' -f 1)" -- "$cur")) ;;
	esac
}

_tailsplice() {
	local program=$1 cur=$2 before=$3 words option
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words=$("$program" --commands 2>/dev/null | cut -d ' ' -f 1)
		COMPREPLY=($(compgen -W "$words --help --version" -- "$cur"))
		return
	fi
	if [[ ${COMP_WORDS[1]} == log-level && $cur != -* ]]; then
		COMPREPLY=($(compgen -W "error warn info debug" -- "$cur"))
		return
	fi
	words=$("$program" --commands 2>/dev/null | sed -n "s/^${COMP_WORDS[1]//[^a-z-]/} //p")
	for option in $words; do
		if [[ $option == "$before="* ]]; then
			_tailsplice_value "${option#*=}"
			return
		fi
	done
	for option in $words; do
		[[ ${option%%=*} == "$cur"* ]] && COMPREPLY+=("${option%%=*}")
	done
}

complete -o filenames -F _tailsplice tailsplice
