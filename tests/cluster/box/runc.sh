#!/bin/sh
# Stands before runc in a box whose machine lacks CAP_SYS_RESOURCE: this engine gives a privileged
# container every capability there is, and the kernel then refuses the whole set. So it is taken out
# of what runc is told to give.
for argument; do
    case "$previous" in
        --bundle | -b) file=$argument/config.json ;;
        --process | -p) file=$argument ;;
        *) file= ;;
    esac
    if [ -n "$file" ] && [ -f "$file" ]; then
        sed -i 's/"CAP_SYS_RESOURCE",//g; s/,"CAP_SYS_RESOURCE"//g' "$file"
    fi
    previous=$argument
done
exec /usr/sbin/runc "$@"
