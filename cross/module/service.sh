#!/system/bin/sh
# Run by the root manager at each start of the device: starts what 'chroot-distro autostart list' names.
directory=${0%/*}

until [ "$(getprop sys.boot_completed)" = 1 ]; do
    sleep 5
done
# An app's files are encrypted until the device is unlocked for the first time; what is in user_de is not.
if [ -d /data/user_de/0/com.termux ]; then
    until [ -d /data/data/com.termux/files ]; do
        sleep 5
    done
fi

for program in /data/adb/ap/bin/chroot-distro /data/adb/ksu/bin/chroot-distro "$directory/system/bin/chroot-distro"; do
    if [ -x "$program" ]; then
        exec "$program" autostart run >"$directory/autostart.log" 2>&1
    fi
done
