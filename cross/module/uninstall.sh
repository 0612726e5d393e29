#!/system/bin/sh
# Run by the root manager when the module is removed: takes the program and its links off the path. Containers are
# the user's, wherever they are: nothing but these names is deleted. (What is in the module's own directory the root
# manager deletes.)
for directory in /data/adb/ap/bin /data/adb/ksu/bin; do
    [ -f "$directory/chroot-distro" ] || continue
    for link in "$directory"/cd-*; do
        if [ -L "$link" ] && [ "$(readlink "$link")" = chroot-distro ]; then
            rm -f "$link"
        fi
    done
    rm -f "$directory/chroot-distro"
done
