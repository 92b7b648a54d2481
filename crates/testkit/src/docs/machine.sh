# A machine that is thrown away: this one, as an overlay, with processes and mounts of its own.
# Arguments: a folder of its own, the machine's name, a folder shared with the test, then in threes
# how to mount what where. Then scripts come, one by line, with the file for what they print; the next
# finds what was printed before in $PRINTED, and the shared folder in /run/docs.
set -e
own=$1 name=$2 shared=$3
shift 3
mount -t tmpfs tmpfs "$own"
mkdir "$own/upper" "$own/work" "$own/root"
root=$own/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$own/upper,workdir=$own/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
for empty in tmp run root; do mount -t tmpfs tmpfs "$root/$empty"; done
chmod 1777 "$root/tmp"
mkdir -p "$root/run/docs" "$root/run/lock"
mount --bind "$shared" "$root/run/docs"
while [ $# -gt 0 ]; do
    if [ -d "$2" ]; then mkdir -p "$root$3"; else mkdir -p "$(dirname "$root$3")"; : >>"$root$3"; fi
    mount -o "bind,$1" "$2" "$root$3"
    shift 3
done
hostname "$name"
exec chroot "$root" /usr/bin/env -i HOME=/root USER=root SHELL=/bin/bash LANG=C.UTF-8 TERM=dumb \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash --norc --noprofile -c '
        cd
        while read -r script output; do
            . "$script" >"$output" 2>&1 </dev/null
            echo $?
            PRINTED=$output
        done'
