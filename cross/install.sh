#!/bin/sh
# Installs chroot-distro for this machine's CPU: into $PREFIX/bin on Termux, else into /usr/local/bin.
#
#     sh install.sh FROM [DIRECTORY]
#
# FROM is where the release's files are: the URL of a directory, or a local one. The program is put in place only when
# its SHA-256 sum is the one in SHA256SUMS beside it.
set -eu

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

case $# in
    1 | 2) from=${1%/} ;;
    *) fail "usage: sh install.sh FROM [DIRECTORY]" ;;
esac
if [ $# = 2 ]; then
    directory=$2
elif [ -n "${TERMUX_VERSION:-}" ] && [ -n "${PREFIX:-}" ]; then
    directory=$PREFIX/bin
else
    directory=/usr/local/bin
fi

# The kernel's CPU counts, whatever other programs are of: this one is static.
machine=$(uname -m)
case $machine in
    aarch64 | arm64) cpu=aarch64 ;;
    armv8* | armv7*) cpu=armv7 ;;
    x86_64 | amd64) cpu=x86_64 ;;
    i?86) cpu=i686 ;;
    riscv64) cpu=riscv64 ;;
    *) fail "there is no chroot-distro for this CPU: $machine" ;;
esac
file=chroot-distro-$cpu

fetch() {
    case $from in
        http://* | https://* | file://*)
            if command -v curl >/dev/null 2>&1; then
                curl -fsSL -o "$2" "$from/$1"
            elif command -v wget >/dev/null 2>&1; then
                wget -q -O "$2" "$from/$1"
            else
                fail "neither curl nor wget is here"
            fi
            ;;
        *) cp "$from/$1" "$2" ;;
    esac || fail "cannot get $from/$1"
}

[ -d "$directory" ] || fail "there is no directory $directory"
[ -w "$directory" ] || fail "$directory is not yours to write to: run this as root, or name another directory"
# Beside its place, so that one rename puts it there; nothing half-made has its name.
work=$directory/.chroot-distro.$$
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work"

fetch SHA256SUMS "$work/SHA256SUMS"
fetch "$file" "$work/$file"
grep "  $file\$" "$work/SHA256SUMS" >"$work/sum" || fail "SHA256SUMS does not name $file"
command -v sha256sum >/dev/null 2>&1 || fail "sha256sum is not here, so the file cannot be checked"
(cd "$work" && sha256sum -c sum >/dev/null 2>&1) || fail "$file is not the file that SHA256SUMS tells of"

chmod 755 "$work/$file"
version=$("$work/$file" --version) || fail "$file does not run on this machine"
mv -f "$work/$file" "$directory/chroot-distro"
echo "$version is now $directory/chroot-distro"
