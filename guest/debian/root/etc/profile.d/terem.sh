# shellcheck shell=sh
# What the host said of its terminal: a serial line has no way to ask. Login shells read this (/etc/profile).
if [ -r /proc/cmdline ] && [ "$TERM" = vt102 ]; then
	read -r words </proc/cmdline
	for word in $words; do
		case $word in
		terem.term=*) TERM=${word#*=} ;;
		terem.rows=*) rows=${word#*=} ;;
		terem.cols=*) cols=${word#*=} ;;
		esac
	done
	if [ -n "${rows:-}" ] && [ -n "${cols:-}" ]; then
		stty rows "$rows" cols "$cols"
	fi
	unset words word rows cols
fi
