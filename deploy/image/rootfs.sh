#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# rootfs.sh DIRECTORY: makes the image's root file system around what `make install DESTDIR=DIRECTORY` has put there:
# the libraries that the installed binaries name, from the Debian packages of the machine that built them, with their
# licences, and the list of packages that scanners read. No shell, no package manager, no compiler.
set -eu
umask 022

root=$1
here=$(dirname "$0")
lib=$root/usr/local/lib/sluice

install -m 755 "$here/sluice" "$lib/sluice"
# Debug symbols of Node.js: a fifth of the image.
strip --strip-unneeded "$lib/node"
# It depends on where the tree was built.
strip --remove-section=.note.gnu.build-id "$lib/sluice.node"

mkdir -p "$root/dev" "$root/etc/ssl/certs" "$root/proc" "$root/root" "$root/run" "$root/sys" "$root/usr/lib" \
  "$root/usr/lib64" "$root/usr/share/doc" "$root/var/lib/dpkg/status.d"
install -d -m 1777 "$root/tmp"
ln -sfn usr/lib "$root/lib"
ln -sfn usr/lib64 "$root/lib64"
ln -sfn ../run "$root/var/run"
echo 'root:x:0:0:root:/root:/usr/local/bin/sluice' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
install -m 644 /usr/lib/os-release "$root/etc/os-release"
# Only what Debian trusts; the building machine may trust more.
find /usr/share/ca-certificates/mozilla -name '*.crt' | LC_ALL=C sort | xargs cat \
  >"$root/etc/ssl/certs/ca-certificates.crt"

# `name => path (address)`, and the loader, which has no arrow.
libraries=$(ldd "$lib/node" "$lib/sluice.node" | awk '$2 == "=>" { print $3 } $1 ~ /^\// && $2 ~ /^\(/ { print $1 }' | sort -u)
packages=ca-certificates
for path in $libraries; do
  case $path in
    /usr/*) target=$path ;;
    *) target=/usr$path ;;
  esac
  install -D -m 755 "$path" "$root$target"
  # Packages of a merged /usr may still name the old place.
  owner=$(dpkg-query --search "$(readlink -f "$path")" 2>/dev/null \
    || dpkg-query --search "$(readlink -f "$path" | sed 's,^/usr,,')")
  packages="$packages ${owner%%: /*}"
done

for package in $(printf '%s\n' $packages | sort -u); do
  name=${package%%:*}
  dpkg-query --show --showformat='Package: ${Package}\nStatus: ${Status}\nArchitecture: ${Architecture}\nSource: ${source:Package} (${source:Version})\nVersion: ${Version}\nMaintainer: ${Maintainer}\n' \
    "$package" >"$root/var/lib/dpkg/status.d/$name"
  install -D -m 644 "/usr/share/doc/$name/copyright" "$root/usr/share/doc/$name/copyright"
done
