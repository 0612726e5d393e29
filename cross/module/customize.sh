# shellcheck shell=sh
# Sourced by the installer of Magisk, KernelSU or APatch when everything is unpacked: puts the program for this CPU
# where root's shell finds it.

[ -f "$MODPATH/bin/$ARCH" ] || abort "! There is no chroot-distro for this CPU: $ARCH"

# Magisk shows what is in system/bin at /system/bin. KernelSU and APatch mount nothing by themselves, but have a
# directory on the path of their shells. APatch may also say that it is KernelSU.
if [ "${APATCH:-}" = true ]; then
    directory=/data/adb/ap/bin
elif [ "${KSU:-}" = true ]; then
    directory=/data/adb/ksu/bin
else
    directory=$MODPATH/system/bin
fi

# One rename puts it there: an older one may be running.
mkdir -p "$directory" || abort "! Cannot make $directory"
cp "$MODPATH/bin/$ARCH" "$directory/.chroot-distro.new" || {
    rm -f "$directory/.chroot-distro.new"
    abort "! Cannot write to $directory"
}
rm -r "${MODPATH:?}/bin"
set_perm "$directory/.chroot-distro.new" 0 0 0755
version=$("$directory/.chroot-distro.new" --version) || {
    rm -f "$directory/.chroot-distro.new"
    abort "! It does not run on this device ($ARCH, Android API $API)"
}
mv -f "$directory/.chroot-distro.new" "$directory/chroot-distro" || abort "! Cannot write to $directory"

ui_print "- $version for $ARCH, in $directory"
"$directory/chroot-distro" --install -s "$directory" ||
    ui_print "- The links cd-login and so on were left out"
[ "$directory" = "$MODPATH/system/bin" ] && ui_print "- It is there after the next start"
ui_print "- In a root shell: chroot-distro install alpine"
