#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# In dom0: add or remove a service of type "test" on the link of two domains.
#
#   test-service.sh add|remove DOMAIN DOMAIN SERVICE-ID
set -euo pipefail

if [ $# -ne 4 ]; then
	sed -n 's/^# \?//p' "$0" | tail -n +3 >&2
	exit 2
fi

domid() {
	if [ "$1" = dom0 ]; then
		echo 0
	else
		xl domid "$1"
	fi
}

verb=$1 one=$(domid "$2") two=$(domid "$3") sid=$4

# Either of them may be the frontend.
find_link() {
	local pair front back

	for pair in "$one $two" "$two $one"; do
		read -r front back <<< "$pair"
		fe=/local/domain/$front/device/fido/$back
		be=/local/domain/$back/backend/fido/$front/$back
		if xenstore-exists "$fe/backend"; then
			fe_owner=$front
			be_owner=$back
			return
		fi
	done
	echo "no link between $2 and $3" >&2
	exit 1
}

# add DIR OWNER READER: the directory first, with its rights, then what counts
add() {
	xenstore-write "$1" ""
	xenstore-chmod "$1" "n$2" "r$3"
	xenstore-write "$1/type" test
	xenstore-chmod "$1/type" "n$2" "r$3"
}

find_link "$@"
case $verb in
add)
	add "$fe/service/$sid" "$fe_owner" "$be_owner"
	add "$be/service/$sid" "$be_owner" "$fe_owner"
	;;
remove)
	xenstore-rm "$fe/service/$sid"
	xenstore-rm "$be/service/$sid"
	;;
*)
	echo "unknown verb $verb" >&2
	exit 2
	;;
esac
