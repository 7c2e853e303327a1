#!/bin/sh
# kill.sh - two hundred builds killed at random moments of a pull: see test/kill.py.
exec env KILLS="${KILLS:-200}" "$(dirname "$0")/../check/kill.sh"
