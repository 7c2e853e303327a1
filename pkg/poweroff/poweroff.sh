#!/bin/sh
# poweroff.sh [-f] [SECONDS]: powers the machine off after SECONDS (30).
# In order by default (pid 1 stops the services and runs onshutdown); -f cuts the power at once.
force=
if [ "$1" = -f ]; then
        force=yes
        shift
fi
sleep "${1:-30}"
if [ "$force" ]; then
        exec /sbin/poweroff -f
fi
kill -USR2 1
